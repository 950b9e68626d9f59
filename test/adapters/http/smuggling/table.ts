import { bodyLengthCases } from './cases/body-length.ts'
import { chunkedCases } from './cases/chunked.ts'
import { fieldCases } from './cases/fields.ts'
import { hostCases } from './cases/host.ts'
import { requestLineCases } from './cases/request-line.ts'

/** All cases, by what they are about. */
export const SMUGGLING_TABLE = {
  'the request line': requestLineCases,
  fields: fieldCases,
  'the host': hostCases,
  'the length of the body': bodyLengthCases,
  'chunked bodies': chunkedCases,
}
