// node run.mjs [FOLDER | FILE ...]: runs the suites with Node's own test runner, one file after the other, each in a process of
// its own. FILTER=regex runs only the tests whose name matches. TIMEOUT: ms that a file may take.
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { readdirSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join, resolve } from 'node:path'

const here = fileURLToPath(new URL('.', import.meta.url))
const given = process.argv.slice(2)
const files = (given.length ? given : ['conformance', 'client', 'browser', 'server-peer', 'ours']).flatMap((name) => {
  const path = resolve(here, name)
  if (statSync(path).isFile()) return [path]
  return readdirSync(path).filter((file) => file.endsWith('.test.mjs')).sort().map((file) => join(path, file))
})

console.log(`peer: ${process.env.PEER === 'reference' ? 'the official JavaScript packages' : 'the Rust programs'}`)
run({
  files,
  concurrency: Number(process.env.JOBS ?? 1),
  timeout: Number(process.env.TIMEOUT ?? 300_000),
  ...(process.env.FILTER ? { testNamePatterns: [new RegExp(process.env.FILTER)] } : {}),
})
  .on('test:fail', ({ todo }) => {
    if (todo === undefined || todo === false) process.exitCode = 1
  })
  .compose(new spec())
  .pipe(process.stdout)
