"""An independent WebSocket client, Debian's python3-websockets, against an echo: prints one line of JSON a check."""

import asyncio
import json
import sys

import websockets


async def check(name, value):
    print(json.dumps([name, value]), flush=True)


async def main(url):
    async with websockets.connect(url, max_size=None, compression=None) as socket:
        await socket.send("grüße")
        await check("text", await socket.recv())
        await socket.send(b"\x00\xff")
        await check("binary", (await socket.recv()).hex())
        await socket.send(["ä" * 1000, "ö" * 1000, "ü"])
        answer = await socket.recv()
        await check("fragments", [len(answer), answer[0], answer[-1]])
        big = bytes(range(256)) * 4000
        await socket.send(big)
        await check("large", await socket.recv() == big)
        for i in range(200):
            await socket.send(str(i))
        answers = [await socket.recv() for _ in range(200)]
        await check("order", answers == [str(i) for i in range(200)])
        await asyncio.wait_for(await socket.ping(), 5)
        await check("ping", True)
        await socket.close(1001, "leaving")
        await check("close", socket.close_code)
    # Offered and not taken: an extension is the server's to refuse.
    async with websockets.connect(url, compression="deflate") as socket:
        await socket.send("plain")
        await check("extensions", [await socket.recv(), [e.name for e in socket.extensions]])
    try:
        async with websockets.connect(url) as socket:
            await socket.send("x" * (1 << 20) + "more than a message may have")
            await socket.recv()
    except websockets.ConnectionClosed as closed:
        await check("too large", closed.code)
    try:
        await websockets.connect(url.replace("/echo", "/nothing"))
    except websockets.InvalidStatusCode as refused:
        await check("no route", refused.status_code)


asyncio.run(main(sys.argv[1]))
