// A page of another origin, the official client's browser build, and interop_server with and without --cors.
import { after, afterEach, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { interopServer } from '../lib/peer.mjs'
import { launch, needsBrowser, person } from './chromium.mjs'

describe('a page of another origin', needsBrowser, () => {
  let browser, pages, origin, open, closed
  const contexts = []

  before(async () => {
    const script = readFileSync(createRequire(import.meta.url).resolve('socket.io-client/dist/socket.io.js'))
    pages = createServer((req, res) => {
      if (req.url === '/client.js') return res.writeHead(200, { 'content-type': 'text/javascript' }).end(script)
      res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<!doctype html><title>x</title><link rel=icon href=data:><script src=/client.js></script>')
    })
    pages.listen(0, '127.0.0.1')
    await once(pages, 'listening')
    origin = `http://127.0.0.1:${pages.address().port}`
    open = await interopServer('--cors')
    closed = await interopServer()
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    pages?.closeAllConnections?.()
    pages?.close()
    await Promise.all([open?.stop(), closed?.stop()])
  })
  afterEach(() => Promise.all(contexts.splice(0).map((context) => context.close())))

  async function visit() {
    const page = await person(browser)
    contexts.push(page.context())
    // Cookies know no ports: this one belongs to the other origin as well.
    await page.context().addCookies([{ name: 'who', value: 'ann', url: 'http://127.0.0.1/' }])
    await page.goto(origin)
    return page
  }

  /// Connects from within the page; `{ error }`, or what the server saw.
  const connect = (page, port, options) => page.evaluate(({ port, options }) => new Promise((resolve) => {
    const socket = window.io(`http://127.0.0.1:${port}`, { reconnection: false, forceNew: true, ...options })
    socket.on('connect_error', (error) => resolve({ error: error.message }))
    socket.on('connect', async () => {
      const handshake = await socket.timeout(30_000).emitWithAck('handshake')
      resolve({ handshake, transport: socket.io.engine.transport.name })
    })
  }), { port, options })

  test('connects over polling with credentials: the cookie arrives', async () => {
    const { handshake, transport, error } = await connect(await visit(), open.port, { transports: ['polling'], withCredentials: true })
    assert.equal(error, undefined)
    assert.equal(transport, 'polling')
    assert.match(handshake.headers.cookie ?? '', /(^|; )who=ann/)
    assert.equal(handshake.headers.origin, origin)
  })

  test('connects over polling without credentials: no cookie arrives', async () => {
    const { handshake, error } = await connect(await visit(), open.port, { transports: ['polling'] })
    assert.equal(error, undefined)
    assert.equal(handshake.headers.cookie, undefined)
  })

  test('headers of its own, allowed by the preflight', async () => {
    const { handshake, error } = await connect(await visit(), open.port, { transports: ['polling'], withCredentials: true, extraHeaders: { 'x-own': 'yes' } })
    assert.equal(error, undefined)
    assert.equal(handshake.headers['x-own'], 'yes')
    assert.match(handshake.headers.cookie ?? '', /who=ann/)
  })

  test('the upgrade, binary both ways as ArrayBuffer and Blob, and acknowledgements', async () => {
    const page = await visit()
    const result = await page.evaluate((port) => new Promise((resolve, reject) => {
      const socket = window.io(`http://127.0.0.1:${port}`, { reconnection: false, forceNew: true, withCredentials: true })
      const list = (buffer) => [...new Uint8Array(buffer)]
      const run = async () => {
        const polled = await socket.timeout(30_000).emitWithAck('echo', { bytes: new Uint8Array([1, 2, 255]).buffer })
        const { engine } = socket.io
        if (engine.transport.name !== 'websocket') await new Promise((next) => engine.once('upgrade', next))
        const view = await socket.timeout(30_000).emitWithAck('echo', [new Uint8Array([9, 8, 7]).subarray(1)])
        const blob = await socket.timeout(30_000).emitWithAck('echo', new Blob(['blob']))
        const big = await socket.timeout(30_000).emitWithAck('echo', new Uint8Array(500_000).fill(7))
        return { polled: list(polled.bytes), view: list(view[0]), blob: new TextDecoder().decode(blob), big: big.byteLength, kind: big.constructor.name }
      }
      socket.on('connect', () => run().then(resolve, reject))
      socket.on('connect_error', reject)
    }), open.port)
    assert.deepEqual(result, { polled: [1, 2, 255], view: [8, 7], blob: 'blob', big: 500_000, kind: 'ArrayBuffer' })
  })

  test('is refused by the browser where cors was not asked for', async () => {
    const page = await visit()
    assert.deepEqual(await connect(page, closed.port, { transports: ['polling'], withCredentials: true }), { error: 'xhr poll error' })
    assert.deepEqual(await connect(page, closed.port, { transports: ['polling'] }), { error: 'xhr poll error' })
  })

  test('WebSocket knows no cors: it connects either way', async () => {
    const page = await visit()
    for (const { port } of [open, closed]) {
      const { transport, handshake } = await connect(page, port, { transports: ['websocket'] })
      assert.equal(transport, 'websocket')
      assert.equal(handshake.headers.origin, origin)
    }
  })
})
