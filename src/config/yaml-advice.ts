/** What the parser of YAML says, and what whoever wrote that most likely has to do. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/^Tabs are not allowed/, 'indent with spaces'],
  [
    /must start at the same column|without - indicator/,
    'indent the keys of one mapping, and the entries of one list, by the same number of spaces',
  ],
  [
    /^Nested mappings/,
    'a value that holds `: ` needs quotes; if this one does not, the next line is indented too far, or a `-` lacks its space',
  ],
  [/^Implicit (?:map )?keys need/, 'a colon is missing: write `key: value`, with a space after the colon'],
  [/^Missing closing/, 'the quote that begins here is not closed'],
  [
    /indented and end with a [}\]]$/,
    'a bracket before this is not closed, or its lines are indented less than its key',
  ],
  [/^Block collections are not allowed within/, 'put commas between the entries inside of brackets'],
  [
    /^Unexpected scalar at node end/,
    'a value that goes on after its closing quote or bracket needs quotes around all of it',
  ],
  [/^Plain value cannot start/, 'put the value in quotes'],
  [/^Invalid escape sequence/, 'a backslash stands for itself in single quotes'],
]

/** The parser's words with a plain sentence after them, where there is one. */
export function withYamlAdvice(message: string): string {
  const advice = ADVICE.find(([words]) => words.test(message))?.[1]
  return advice === undefined ? message : `${message}: ${advice}`
}
