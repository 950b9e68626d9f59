import type { HeaderList } from '../exchange/exchange.ts'

/** Body bytes that a head announces; -1 if it does not, or in a way that cannot be relied on. */
export function announcedLength(headers: HeaderList): number {
  let length = -1
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'content-length') continue
    const value = headers[i + 1]!
    if (!/^\d{1,15}$/.test(value) || (length >= 0 && length !== Number(value))) return -1
    length = Number(value)
  }
  return length
}

/** Holds a response to the length that its head announces. */
export class LengthCheck {
  #announced = -1

  /** Bytes to come; -1: any number. */
  get announced(): number {
    return this.#announced
  }

  /** The head has come. */
  onHead(status: number, headers: HeaderList): void {
    if (!hasNoContent(status)) this.#announced = announcedLength(headers)
  }

  /** Why so many bytes cannot be all of the response, or a part of it; undefined if they can. */
  fault(bytes: number, isAll: boolean): string | undefined {
    const announced = this.#announced
    if (announced < 0 || bytes === announced || (bytes < announced && !isAll)) return undefined
    return `the body has ${bytes} bytes ${isAll ? '' : 'so far '}and its content-length is ${announced}`
  }
}

/** RFC 9110 sections 15.3.5 and 15.4.5: whatever the length that it says, no body follows. */
function hasNoContent(status: number): boolean {
  return status === 204 || status === 304
}
