import type { HeaderList } from '../exchange/exchange.ts'
import type { Frame } from './frame.ts'
import { isForwardable, toAsciiValue } from './header-field.ts'
import { cutReason } from './reset-reason.ts'

const START = 'NATS/1.0\r\nSx: '

/** The header block of a frame; its payload, if it has one, is the message's. Never empty, whatever the frame. */
export function encodeFrame(frame: Frame): Uint8Array {
  return Buffer.from(`${START}${encodeFields(frame)}\r\n`, 'latin1')
}

function encodeFields(frame: Frame): string {
  switch (frame.type) {
    case 'accept':
      return `accept ${frame.version}\r\n${field('Sx-Credit', frame.credit)}${field('Sx-Max', frame.maxBytes)}`
    case 'head':
      return (
        `head ${frame.seq}\r\nSx-Status: ${frame.status}\r\n${frame.end ? 'Sx-End: 1\r\n' : ''}` +
        field('Sx-Credit', frame.credit) +
        field('Sx-Max', frame.maxBytes) +
        encodeHeaders(frame.headers)
      )
    case 'data': {
      const { meta } = frame
      if (meta === undefined) return `data ${frame.seq}\r\n`
      return (
        `data ${frame.seq}\r\n${field('Sx-Type', meta.type)}${meta.fin === false ? 'Sx-Fin: 0\r\n' : ''}` +
        field('Sx-Event', meta.event) +
        field('Sx-Id', meta.id)
      )
    }
    case 'end':
      return (
        `end ${frame.seq}\r\nSx-Bytes: ${frame.bytes}\r\n` +
        `${frame.closeCode === undefined ? '' : `Sx-Close: ${frame.closeCode}\r\n`}${encodeHeaders(frame.trailers)}`
      )
    case 'reset':
      return `reset -\r\nSx-Code: ${frame.code}\r\n${field('Sx-Status', frame.status)}${field('Sx-Reason', frame.reason && cutReason(frame.reason))}`
    case 'credit':
      return `credit -\r\nSx-Credit: ${frame.credit}\r\n`
    case 'ping':
    case 'pong':
      return `${frame.type} ${frame.seq}\r\nSx-Credit: ${frame.credit}\r\nSx-Bytes: ${frame.bytes}\r\n`
  }
}

/** A value that no header can carry is left out, as is one that is not there. */
function field(name: string, value: string | number | undefined): string {
  const ascii = value === undefined ? undefined : toAsciiValue(String(value))
  return ascii === undefined ? '' : `${name}: ${ascii}\r\n`
}

function encodeHeaders(headers: HeaderList): string {
  let block = ''
  for (let i = 0; i < headers.length; i += 2) {
    // A field of ours in other case would be read as ours.
    const name = headers[i]!.toLowerCase()
    if (isForwardable(name)) block += field(name, headers[i + 1])
  }
  return block
}
