// npm run soak -- N [FOLDER ...]: everything N times (20 by default); stops at the first failure says which run it was, and
// where its output is.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const [times = '20', ...folders] = process.argv.slice(2)
const count = Number(times)
if (!Number.isInteger(count) || count < 1) {
  console.error('usage: npm run soak -- N [FOLDER ...]')
  process.exit(2)
}
let child
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child?.kill(signal))

for (let number = 1; number <= count; number++) {
  const started = Date.now()
  let output = ''
  child = spawn(process.execPath, [fileURLToPath(new URL('run.mjs', import.meta.url)), ...folders], { stdio: ['ignore', 'pipe', 'pipe'] })
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  const [code, signal] = await once(child, 'close')
  const figure = (name) => output.match(new RegExp(`^\\S+ ${name} (\\d+)$`, 'm'))?.[1] ?? '?'
  const summary = ['tests', 'pass', 'fail', 'skipped'].map((name) => `${name} ${figure(name)}`).join(', ')
  console.log(`run ${number} of ${count}: ${code === 0 ? 'ok' : 'FAILED'} (${summary}, ${((Date.now() - started) / 1000).toFixed(1)} s)`)
  if (code !== 0) {
    const log = join(mkdtempSync(join(tmpdir(), 'soak-')), `run-${number}.log`)
    writeFileSync(log, output)
    console.log(output.slice(Math.max(0, output.search(/^\S+ tests \d+$/m))))
    console.log(`stopped at run ${number} of ${count} (${signal ?? `code ${code}`}); its whole output: ${log}`)
    process.exit(1)
  }
}
console.log(`all ${count} runs passed`)
