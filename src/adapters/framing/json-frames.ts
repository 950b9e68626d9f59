import { decodeBase64, encodeBase64 } from './base64.ts'
import { encodeFields, flagOf, frameOf, parseFields, textOf } from './frame-fields.ts'
import { type MuxBody, type MuxFrame, MuxFrameError } from './mux-frame.ts'

/** One line without its end. Strings go as `body`, bytes as `b64`. */
export function encodeJsonFrame(frame: MuxFrame): string {
  let text = `{"t":"${frame.t}"`
  if ('id' in frame) text += `,"id":${frame.id}`
  const fields = encodeFields(frame)
  if (fields !== '') text += `,${fields}`
  if ('body' in frame && frame.body !== undefined) {
    text +=
      typeof frame.body === 'string' ? `,"body":${JSON.stringify(frame.body)}` : `,"b64":"${encodeBase64(frame.body)}"`
  }
  if ('more' in frame && frame.more) text += ',"more":true'
  if ('end' in frame && frame.end) text += ',"end":true'
  return `${text}}`
}

/** @throws MuxFrameError for what is not a frame; fields that are not known are ignored */
export function decodeJsonFrame(text: string): MuxFrame {
  const fields = parseFields(text)
  const more = fields.t === 'open' ? flagOf(fields, 'more') : undefined
  const end = fields.t === 'head' || fields.t === 'data' ? flagOf(fields, 'end') : undefined
  const last = fields.t === 'open' ? more !== true : end === true
  const [body, b64] = [textOf(fields, 'body'), textOf(fields, 'b64')]
  if (body !== undefined && b64 !== undefined) throw new MuxFrameError('both body and b64')
  const content: MuxBody | undefined = b64 === undefined ? body : decodeBase64(b64)
  return frameOf(fields.t, fields.id, fields, content, last)
}
