/** Has a process that runs with `--inspect` collect its garbage, as its memory says little before that. */
export async function collectGarbage(inspectorUrl: string): Promise<void> {
  const socket = new WebSocket(inspectorUrl)
  await new Promise((resolve, reject) => {
    socket.onopen = resolve
    socket.onerror = () => reject(new Error(`cannot reach the inspector at ${inspectorUrl}`))
  })
  // Twice: what the first one finalizes, the second one frees.
  for (const id of [1, 2]) {
    const done = new Promise((resolve) => {
      socket.onmessage = resolve
    })
    socket.send(JSON.stringify({ id, method: 'HeapProfiler.collectGarbage' }))
    await done
  }
  socket.close()
}
