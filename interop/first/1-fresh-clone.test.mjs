// The first command of README.md, `./run chat`, in a fresh clone: the folder $CLONE, which `./test run` makes. Nothing is built and
// no npm package is installed there.
import { after, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { accessSync, constants, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { launch as launchProgram, start } from '../lib/peer.mjs'
import { within } from '../lib/util.mjs'
import { enter, heard, say } from '../browser/chat.mjs'
import { launch, needsBrowser, person } from '../browser/chromium.mjs'

const clone = process.env.CLONE
if (!clone) throw new Error('CLONE has to name a fresh clone of the repository: ./test run makes one')
const client = join(clone, 'examples/chat/client')
const bundle = 'node_modules/socket.io-client/dist/socket.io.min.js'

/// Everything is built in the first run.
const BUILDING = 900_000

/// `./run ARGS`, in the clone: a program that listens.
const run = (args, { env } = {}) => start('run', { file: './run', cwd: clone, args, env, patience: BUILDING })

/// `./run ARGS`, in the clone: a program that ends by itself.
async function outcome(...args) {
  const program = launchProgram('run', { file: './run', cwd: clone, args })
  try {
    return [await within(program.ended, `./run ${args.join(' ')} to end`, BUILDING), program.output]
  } finally {
    await program.stop('SIGKILL')
  }
}

/// Two people open the page and talk; `prepare` is done with each page first.
async function talk(browser, port, prepare = () => {}) {
  const [ann, ben] = [await person(browser), await person(browser)]
  for (const page of [ann, ben]) await prepare(page)
  await enter(ann, port, 'Ann')
  await enter(ben, port, 'Ben')
  await say(ann, 'Is this all it takes?')
  await heard(ben, 'Ann', 'Is this all it takes?')
  await say(ben, 'It seems so.')
  await heard(ann, 'Ben', 'It seems so.')
  for (const page of [ann, ben]) {
    assert.deepEqual(page.problems, [])
    await page.context().close()
  }
}

/// A folder with everything of the PATH but npm.
function pathWithoutNpm() {
  const folder = join(clone, 'target/path-without-npm')
  mkdirSync(folder, { recursive: true })
  for (const place of process.env.PATH.split(delimiter).filter((place) => existsSync(place))) {
    for (const name of readdirSync(place)) {
      if (name !== 'npm' && !existsSync(join(folder, name))) {
        try {
          accessSync(join(place, name), constants.X_OK)
          symlinkSync(join(place, name), join(folder, name))
        } catch {} // no program, or a broken link
      }
    }
  }
  return folder
}

describe('./run, in a fresh clone', () => {
  let browser
  before(async () => {
    if (!needsBrowser.skip) browser = await launch()
  })
  after(() => browser?.close())

  test('chat: builds, brings the official client out of npm\'s cache, serves, and two people talk', async (t) => {
    for (const folder of ['target', 'interop/node_modules', 'examples/chat/client/node_modules']) {
      assert.ok(!existsSync(join(clone, folder)), `${folder} is not there yet`)
    }
    const began = performance.now()
    const server = await run(['chat', '--port', 0], { env: { npm_config_offline: 'true' } })
    t.diagnostic(`served after ${((performance.now() - began) / 1000).toFixed(0)} s`)
    assert.match(server.output, new RegExp(`open http://localhost:${server.port} `))
    assert.doesNotMatch(server.output, /cdn\.socket\.io/)
    const script = await fetch(`http://127.0.0.1:${server.port}/socket.io/socket.io.min.js`)
    assert.equal(await script.text(), readFileSync(join(client, bundle), 'utf8'))
    if (browser) await talk(browser, server.port)
    assert.equal(await server.stop('SIGTERM'), 'code 0')
  })

  test('chat without npm: says so, and the page takes the client of the CDN', async () => {
    const cdn = readFileSync(join(client, bundle))
    rmSync(join(client, 'node_modules'), { recursive: true })
    const server = await run(['chat', '--port', 0], { env: { PATH: pathWithoutNpm() } })
    assert.match(server.output, /npm is not installed/)
    assert.match(server.output, /loads it from https:\/\/cdn\.socket\.io[^]*npm ci/)
    if (browser) {
      let asked = 0
      await talk(browser, server.port, (page) => page.route('https://cdn.socket.io/**', (route) => {
        asked++
        return route.fulfill({ body: cdn, contentType: 'text/javascript', headers: { 'access-control-allow-origin': '*' } })
      }))
      assert.equal(asked, 2)
    }
    assert.equal(await server.stop('SIGINT'), 'code 0')
  })

  test('chat with an npm that can\'t bring the client: says so, and serves all the same', async () => {
    const server = await run(['chat', '--port', 0], { env: { npm_config_offline: 'true', npm_config_cache: join(clone, 'target/empty') } })
    assert.match(server.output, /npm could not bring the official client[^]*cdn\.socket\.io/)
    assert.equal((await fetch(`http://127.0.0.1:${server.port}/`)).status, 200)
    assert.equal(await server.stop('SIGTERM'), 'code 0')
  })

  test('lists what there is, and refuses what there is not', async () => {
    for (const args of [[], ['--help']]) {
      const [status, output] = await outcome(...args)
      assert.equal(status, 'code 0')
      assert.match(output, /^usage: \.\/run[^]*chat[^]*echo/)
    }
    const [status, output] = await outcome('caht')
    assert.equal(status, 'code 2')
    assert.match(output, /there is no program "caht"[^]*chat/)
  })

  test('passes options to the program', async () => {
    for (const program of ['echo', 'echo_smol', 'chat_smol']) {
      const [status, output] = await outcome(program, '--help')
      assert.equal(status, 'code 0')
      assert.match(output, new RegExp(`usage: ${program} \\[--port P\\]`))
    }
    const [refused, reason] = await outcome('echo', '--no-such-option')
    assert.equal(refused, 'code 2')
    assert.match(reason, /unknown option "--no-such-option"/)
  })

  test('the page, its npm package and these tests name one version of the client', () => {
    const text = (path) => readFileSync(join(clone, path), 'utf8')
    const wanted = (path) => JSON.parse(text(path)).dependencies['socket.io-client']
    const cdn = /cdn\.socket\.io\/([^/]+)\//.exec(text('examples/chat/page/chat.js'))[1]
    assert.deepEqual([wanted('examples/chat/client/package.json'), cdn], Array(2).fill(wanted('interop/package.json')))
  })
})
