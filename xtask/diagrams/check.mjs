// Parses every Mermaid diagram in the Markdown files that are named as arguments, with Mermaid's own parser, and fails
// when one of them is none.
import { readFileSync } from 'node:fs'
import { JSDOM } from 'jsdom'

// Mermaid cleans labels with the help of a browser's document.
const { window } = new JSDOM('')
globalThis.window = window
globalThis.document = window.document
const { default: mermaid } = await import('mermaid')

let found = 0
let wrong = 0
for (const file of process.argv.slice(2)) {
  const lines = readFileSync(file, 'utf8').split('\n')
  for (let at = 0; at < lines.length; at++) {
    if (!/^\s*```\s*mermaid/.test(lines[at])) continue
    found++
    const begin = at + 1
    const end = lines.findIndex((line, index) => index >= begin && /^\s*```\s*$/.test(line))
    try {
      if (end < 0) throw new Error('it does not end')
      await mermaid.parse(lines.slice(begin, end).join('\n'))
    } catch (error) {
      wrong++
      console.error(`${file}:${begin}: ${error.message}`)
    }
  }
}
console.log(`${found} diagrams, ${wrong} wrong`)
process.exit(found > 0 && wrong === 0 ? 0 : 1)
