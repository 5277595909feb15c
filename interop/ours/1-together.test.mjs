// Both sides are ours: `client_driver` against `interop_server`. A control run has the official client and the official server.
import { after, afterEach, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { Driver } from '../lib/driver.mjs'
import { freePort, interopServer } from '../lib/peer.mjs'
import { Proxy } from '../lib/proxy.mjs'
import { MODES } from '../server-peer/helpers.mjs'

let driver, server
before(async () => {
  driver = await Driver.start()
  server = await interopServer()
})
after(async () => {
  await driver?.stop()
  await server?.stop()
})
afterEach(() => driver.release())

const NESTED = { a: [Buffer.from([1, 2, 3]), { b: { c: Buffer.alloc(0) } }, 'text'], d: Buffer.from([255, 0, 128]), e: null, 'é': [[[Buffer.from('x')]]] }
const url = (namespace = '/', port = server.port) => `http://127.0.0.1:${port}${namespace}`

for (const [mode, options] of Object.entries(MODES)) {
  describe(`over ${mode}`, () => {
    const connected = async (namespace, more = {}, port) => {
      const client = await driver.connected(url(namespace, port), { ...options, ...more })
      await client.settled(mode)
      return client
    }

    test('events and acknowledgements, binary nested anywhere, both ways', async () => {
      const client = await connected('/')
      assert.deepEqual(await client.event('hello'), [(await client.state()).id])
      await client.emit('echo', NESTED, 1)
      assert.deepEqual(await client.event('echo'), [NESTED, 1])
      assert.deepEqual(await client.ask('echo', NESTED, 'x', []), [NESTED, 'x', []])
      await client.reply('question', NESTED)
      assert.deepEqual(await client.ask('ask', 'question', 20_000, NESTED), [{ ok: NESTED }])
      assert.deepEqual(await client.event('question'), [NESTED])
      await client.silence('question')
      assert.deepEqual(await client.ask('ask', 'question', 50, 1), [{ error: 'timeout' }])
      assert.deepEqual(await client.result(await client.call('silent', [], { timeout: 50 })), { err: 'timeout' })
    })

    test('headers, query and auth', async () => {
      const client = await connected('/', { query: { a: 'b c' }, extraHeaders: { 'x-one': '1' }, auth: { key: [1] } })
      const [{ headers, query, auth }] = await client.ask('handshake')
      assert.deepEqual([headers['x-one'], query.a, auth], ['1', 'b c', { key: [1] }])
    })

    test('a refusal with data, then accepted; a slow one meanwhile holds up nobody', async () => {
      const client = await connected('/')
      const refused = await driver.socket(client, '/private', { token: 'no' })
      const { message, data } = await refused.next('connect_error')
      assert.deepEqual([message, data], ['Not authorized', { code: 401, ask: 'token' }])
      await refused.connect({ token: 'secret', delay: 200 })
      const early = await refused.call('set', ['early', 1])
      assert.deepEqual(await client.ask('echo', 1), [1])
      await refused.next('connect')
      assert.deepEqual(await refused.result(early), { args: [true] })
      assert.deepEqual(await refused.ask('whoami'), [{ id: (await refused.state()).id, namespace: '/private', connected: true }])
    })

    test('a burst keeps its order', async () => {
      const client = await connected('/chat')
      const list = Array.from({ length: 300 }, (_, i) => ['regular', i % 30 ? i : Buffer.from([i / 30])])
      await client.emit('burst', list)
      await client.when(() => client.all('event', 'burst').length === 300, 'the burst')
      assert.deepEqual(client.all('event', 'burst').map(({ args: [value] }) => (typeof value === 'number' ? value : Buffer.from(value.$bin, 'base64'))), list.map(([, value]) => value))
    })

    test('the server ends the namespace, and all of it', async () => {
      const client = await connected('/')
      const chat = await driver.socket(client, '/chat')
      await chat.next('connect')
      await chat.emit('leave-me', false)
      assert.equal((await chat.next('disconnect')).reason, 'io server disconnect')
      assert.deepEqual(await client.ask('echo', 1), [1])
      await chat.connect()
      await chat.next('connect')
      await client.emit('leave-me', true)
      for (const handle of [client, chat]) assert.equal((await handle.next('disconnect')).reason, 'io server disconnect')
    })

    test('a restart: what was emitted meanwhile arrives once and in order', async () => {
      const port = await freePort()
      let own = await interopServer('--port', port)
      try {
        const client = await connected('/', {}, port)
        await own.stop()
        await client.next('disconnect')
        if (!(await client.state()).active) await client.connect()
        for (let i = 0; i < 10; i++) await client.emit('echo', i)
        own = await interopServer('--port', port)
        assert.deepEqual(await client.ask('echo', 'end'), ['end'])
        assert.deepEqual(client.all('event', 'echo').map(({ args: [i] }) => i), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
        await driver.release()
      } finally {
        await own.stop()
      }
    })

    test('a network that is cut again and again', async () => {
      const proxy = await Proxy.start(server.port)
      try {
        const client = await connected('/', { reconnectionDelay: 1, reconnectionDelayMax: 5 }, proxy.port)
        for (let round = 0; round < 10; round++) {
          proxy.refuse()
          proxy.cut()
          assert.match((await client.next('disconnect')).reason, /^transport (close|error)$/)
          const tag = await client.call('echo', [round])
          proxy.refuse(false)
          await client.next('connect')
          assert.deepEqual(await client.result(tag), { args: [round] })
          await client.settled(mode)
        }
        await driver.release()
      } finally {
        await proxy.stop()
      }
    })

    test('heartbeats keep a quiet connection', async () => {
      const own = await interopServer('--ping', '100/5000')
      try {
        const client = await connected('/', {}, own.port)
        assert.deepEqual(await client.ask('late', 700, 'x'), ['x'])
        assert.equal(client.all('disconnect').length, 0)
        await driver.release()
      } finally {
        await own.stop()
      }
    })

    test('a server that stands still: ping timeout, and back when it goes on', async () => {
      const own = await interopServer('--ping', '300/1000')
      try {
        const client = await connected('/', { timeout: 1000 }, own.port)
        own.freeze()
        assert.match((await client.next('disconnect')).reason, /^(ping timeout|transport close|transport error)$/)
        own.thaw()
        await client.next('connect')
        await driver.release()
      } finally {
        own.thaw()
        await own.stop()
      }
    })
  })
}
