// How the programs behave as programs: options, the line they print, the way they end.
import { describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { conformanceServer, freePort, interopServer, start } from '../lib/peer.mjs'
import { Target } from '../lib/wire.mjs'

describe('the programs', () => {
  for (const [name, open] of [['conformance_server', conformanceServer], ['interop_server', interopServer]]) {
    for (const signal of ['SIGTERM', 'SIGINT']) {
      test(`${name} ends cleanly on ${signal}, though clients are connected`, async () => {
        const server = await open()
        const target = new Target(server.sio ?? server.port, '/socket.io/')
        const ws = await target.websocket()
        const session = await target.polling()
        const held = session.begin()
        held.response.catch(() => {})
        assert.equal(await server.stop(signal), 'code 0')
        await ws.closed()
      })
    }

    test(`${name} refuses an option that it does not know, with code 2 and a word about it`, async () => {
      await assert.rejects(start(name, { args: ['--no-such-option'] }), /ended at once: code 2[^]*no-such-option/)
    })
  }

  test('conformance_server with one listener only', async () => {
    for (const [option, path] of [['--eio-port', '/engine.io/'], ['--sio-port', '/socket.io/']]) {
      const port = await freePort()
      const server = await start('conformance_server', { args: [option, port] })
      assert.deepEqual(server.ports, [port])
      assert.equal((await new Target(port, path).get('EIO=4&transport=polling')).status, 200)
      await server.stop()
    }
  })

  test('a port in use is an error, not silence', async () => {
    const server = await interopServer()
    await assert.rejects(interopServer('--port', server.port), /ended at once: code [^02]/)
    await server.stop()
  })
})
