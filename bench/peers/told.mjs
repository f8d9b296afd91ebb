// What a peer is told when it is started: one line of JSON on its standard input. It ends when that is closed.

import { createInterface } from 'node:readline'

export function told() {
  const lines = createInterface({ input: process.stdin })
  lines.once('close', () => process.exit())
  return new Promise(resolve => lines.once('line', line => resolve(JSON.parse(line))))
}
