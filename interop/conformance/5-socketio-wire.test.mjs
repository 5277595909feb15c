// Socket.IO on the wire: everything between the rules of Engine.IO and what a client library shows.
import { after, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { RS, Target } from '../lib/wire.mjs'
import { conformanceServer, differs } from '../lib/peer.mjs'
import { until } from '../lib/util.mjs'
import { pick, upgraded } from './engine.mjs'

let server, patient, target, calm
before(async () => {
  server = await conformanceServer('--ping', '25000/20000', '--connect-timeout', 500)
  patient = await conformanceServer('--ping', '25000/20000', '--connect-timeout', 20_000)
  target = new Target(server.sio, '/socket.io/')
  calm = new Target(patient.sio, '/socket.io/')
})
after(() => Promise.all([server?.stop(), patient?.stop()]))

async function joined(namespace = '') {
  const ws = await calm.websocket()
  await ws.send(`40${namespace}`)
  const reply = await ws.text()
  assert.ok(reply.startsWith(`40${namespace}{"sid":"`), reply)
  assert.equal(await ws.text(), `42${namespace}["auth",{}]`)
  return ws
}

async function joinedPolling() {
  const session = await calm.polling()
  assert.deepEqual(pick(await session.post('40')), [200, 'ok'])
  assert.match(await session.next(), /^40\{"sid":"/)
  assert.equal(await session.next(), '42["auth",{}]')
  return session
}

const placeholder = (num) => `{"_placeholder":true,"num":${num}}`

async function stillUsable(ws) {
  await ws.send('42["message","still here"]')
  assert.equal(await ws.text(), '42["message-back","still here"]')
  ws.close()
}

describe('connect', () => {
  test('ids are new each time, and unlike those of Engine.IO', async () => {
    const ws = await calm.websocket()
    const ids = new Set([ws.handshake.sid])
    for (let i = 0; i < 20; i++) {
      await ws.send('40')
      ids.add(JSON.parse((await ws.text()).slice(2)).sid)
      await ws.text()
      await ws.send('41')
      await ws.sync()
    }
    assert.equal(ids.size, 21)
    ws.close()
  })

  test('several namespaces on one connection, each with its own id', async () => {
    const ws = await joined()
    await ws.send('40/custom,{"a":1}')
    assert.match(await ws.text(), /^40\/custom,\{"sid":"[\w-]{20}"\}$/)
    assert.equal(await ws.text(), '42/custom,["auth",{"a":1}]')
    await ws.send('42/custom,7["message-with-ack","x"]')
    assert.equal(await ws.text(), '43/custom,7["x"]')
    await stillUsable(ws)
  })

  test('a refused namespace leaves the connection open', async () => {
    const ws = await calm.websocket()
    for (const name of ['/random', '/custom?x=1', '/customer', '/Custom', '/', '//']) {
      await ws.send(`40${name},`)
      const reply = await ws.text()
      if (name === '/') { // is the main one
        assert.match(reply, /^40\{"sid"/)
        await ws.text()
      } else assert.equal(reply, `44${name},{"message":"Invalid namespace"}`)
    }
    await stillUsable(ws)
  })

  test('a refused namespace does not stop the clock of the first CONNECT', async () => {
    const ws = await target.websocket()
    await ws.send('40/random')
    assert.equal(await ws.text(), '44/random,{"message":"Invalid namespace"}')
    await ws.closed()
  })

  test('polling: no CONNECT in time ends the session', async () => {
    const session = await target.polling()
    assert.deepEqual(pick(await session.get()), [200, '1'])
    assert.equal((await session.get()).status, 400)
  })

  for (const payload of ['null', '[]', '["x"]', '"x"', 'true', '{"a":', '{}x']) {
    test(`a payload that is no object closes: ${payload}`, async () => {
      const ws = await calm.websocket()
      await ws.send(`40${payload}`)
      await ws.closed()
      assert.equal(ws.buffered, 0)
    })
  }

  test('a CONNECT that repeats closes', async () => {
    const ws = await joined()
    await ws.send('40')
    await ws.closed()
  })

  for (const packet of ['42["message"]', '42/custom,["message"]', '43/custom,1[]', '41/custom,', '44{"message":"x"}', '43[]']) {
    test(`a packet for a namespace that was not joined closes: ${packet}`, async () => {
      const ws = await calm.websocket()
      if (packet.includes('/custom')) {
        await ws.send('40')
        await ws.text()
        await ws.text()
      }
      await ws.send(packet)
      await ws.closed()
      assert.equal(ws.buffered, 0)
    })
  }

  test('a CONNECT_ERROR from a client closes', async () => {
    const ws = await joined()
    await ws.send('44{"message":"x"}')
    await ws.closed()
  })

  test('after DISCONNECT the namespace counts as not joined', async () => {
    const ws = await joined('/custom,')
    await ws.send('41/custom,')
    await ws.sync()
    await ws.send('42/custom,["message",1]')
    await ws.closed()
    assert.equal(ws.buffered, 0)
  })
})

describe('events and acknowledgements', () => {
  for (const args of [
    '', '1', 'null', '"x","y"', '{"a":{"b":[1,[2,[3]]]}}', '"\\u20ac\\ud83d\\ude00 ü"', '"€😀\\n\\"\\\\"', '-1.5e-7,0,true,false', '"2[","51-","\\u0000"',
    `"${'x'.repeat(100_000)}"`, placeholder(0), `{"_placeholder":false,"num":0}`,
  ]) {
    test(`come back: (${args.slice(0, 40)})`, async () => {
      const ws = await joined()
      const list = args ? `,${args}` : ''
      await ws.send(`42["message"${list}]`)
      const back = await ws.text()
      assert.ok(back.startsWith('42["message-back"'), back.slice(0, 40))
      assert.deepEqual(JSON.parse(back.slice(2)).slice(1), JSON.parse(`[${args}]`))
      await ws.send(`420["message-with-ack"${list}]`)
      const ack = await ws.text()
      assert.ok(ack.startsWith('430['), ack.slice(0, 40))
      assert.deepEqual(JSON.parse(ack.slice(3)), JSON.parse(`[${args}]`))
      ws.close()
    })
  }

  test('white space inside of the JSON is nothing special', async () => {
    const ws = await joined()
    for (const packet of ['42["message" , 1 ]', '42[ "message",\t1]', '42["message",1] \n']) {
      await ws.send(packet)
      const back = await ws.text()
      assert.deepEqual([back.slice(0, 2), JSON.parse(back.slice(2))], ['42', ['message-back', 1]])
    }
    ws.close()
  })

  test('ids: zero, leading, large', async () => {
    const ws = await joined()
    for (const id of ['0', '1', '4294967296', '9007199254740991']) {
      await ws.send(`42${id}["message-with-ack",${id}]`)
      assert.equal(await ws.text(), `43${id}[${id}]`)
    }
    ws.close()
  })

  test('an id on an event that asks for nothing is not answered', async () => {
    const ws = await joined()
    await ws.send('425["message",1]')
    assert.equal(await ws.text(), '42["message-back",1]')
    await stillUsable(ws)
  })

  test('what nobody handles is ignored: unknown events, numbers as names, an ack nobody waits for', async () => {
    const ws = await joined()
    await ws.send('42["unknown",1]')
    await ws.send('427["unknown",1]')
    await ws.send('42[1,"x"]')
    await ws.send('43999["x"]')
    await ws.send('42["message-with-ack",1]')
    await ws.send('42["error","x"]')
    await ws.send(`451-["unknown",${placeholder(0)}]`)
    await ws.send(Buffer.from([1]))
    await stillUsable(ws)
  })

  test('a thousand events keep their order', async () => {
    const ws = await joined()
    for (let i = 0; i < 1000; i++) await ws.send(i % 3 ? `42["message",${i}]` : `42${i}["message-with-ack",${i}]`)
    for (let i = 0; i < 1000; i++) assert.equal(await ws.text(), i % 3 ? `42["message-back",${i}]` : `43${i}[${i}]`)
    ws.close()
  })
})

describe('binary', () => {
  test('ten attachments, nested anywhere, on a namespace', async () => {
    const ws = await joined('/custom,')
    const data = `[${[0, 1, 2].map(placeholder)}],{"a":{"b":[${[3, 4, 5].map(placeholder)}],"c":null}},${[6, 7, 8, 9].map(placeholder)}`
    await ws.send(`4510-/custom,12["message-with-ack",${data}]`)
    for (let i = 0; i < 10; i++) await ws.send(Buffer.alloc(i * 10, i))
    assert.equal(await ws.text(), `4610-/custom,12[${data}]`)
    for (let i = 0; i < 10; i++) assert.deepEqual(await ws.next(), Buffer.alloc(i * 10, i))
    ws.close()
  })

  test('placeholders in another order name the attachments they mean', async () => {
    const ws = await joined()
    await ws.send(`452-["message",${placeholder(1)},${placeholder(0)}]`)
    await ws.send(Buffer.from('zero'))
    await ws.send(Buffer.from('one'))
    const back = await ws.text()
    assert.match(back, /^452-\["message-back",/)
    const attachments = [String(await ws.next()), String(await ws.next())]
    assert.deepEqual(JSON.parse(back.slice(4)).slice(1).map(({ num }) => attachments[num]), ['one', 'zero'])
    ws.close()
  })

  test('over polling, in one payload', async () => {
    const session = await joinedPolling()
    const parts = [`452-9["message-with-ack",${placeholder(0)},"x",${placeholder(1)}]`, 'bAQID', 'b']
    assert.deepEqual(pick(await session.post(parts.join(RS))), [200, 'ok'])
    const back = [await session.next(), await session.next(), await session.next()]
    assert.deepEqual(back, [`462-9[${placeholder(0)},"x",${placeholder(1)}]`, 'bAQID', 'b'])
  })

  test('over polling, in several payloads', async () => {
    const session = await joinedPolling()
    for (const part of [`452-["message",${placeholder(0)},${placeholder(1)}]`, 'bAQID', 'bBAUG']) {
      assert.deepEqual(pick(await session.post(part)), [200, 'ok'])
    }
    const back = [await session.next(), await session.next(), await session.next()]
    assert.deepEqual(back, [`452-["message-back",${placeholder(0)},${placeholder(1)}]`, 'bAQID', 'bBAUG'])
  })

  test('begun on polling, ended on the WebSocket', async () => {
    const session = await joinedPolling()
    await session.post(`452-["message",${placeholder(0)},${placeholder(1)}]${RS}bAQID`)
    const ws = await upgraded(session)
    await ws.send(Buffer.from([4, 5, 6]))
    assert.equal(await ws.text(), `452-["message-back",${placeholder(0)},${placeholder(1)}]`)
    assert.deepEqual(await ws.next(), Buffer.from([1, 2, 3]))
    assert.deepEqual(await ws.next(), Buffer.from([4, 5, 6]))
    ws.close()
  })

  test('what was half sent dies with its connection', async () => {
    const ws = await joined()
    await ws.send(`452-["message",${placeholder(0)},${placeholder(1)}]`)
    ws.socket.close()
    await ws.closed()
    await stillUsable(await joined())
  })

  for (const [what, ...frames] of [
    ['binary that nobody announced', Buffer.from([1])],
    ['text while binary is awaited', `451-["message",${placeholder(0)}]`, '42["message",1]'],
    ['a CONNECT while binary is awaited', `451-["message",${placeholder(0)}]`, '40/custom,'],
    ['a placeholder out of range', `451-["message",${placeholder(1)}]`, Buffer.from([1])],
    ['a negative placeholder', `451-["message",${placeholder(-1)}]`, Buffer.from([1])],
    ['a placeholder with a name', `451-["message",${placeholder('"splice"')}]`, Buffer.from([1])],
    ['eleven attachments', `4511-["message",${Array.from({ length: 11 }, (_, i) => placeholder(i))}]`],
    ['no attachments', '450-["message"]'],
    ['no count', `45["message",${placeholder(0)}]`],
    ['no hyphen', `451["message",${placeholder(0)}]`],
    ['nothing but the type', '45'],
    ['a count that is no number', `45a-["message",${placeholder(0)}]`],
    ['a count with a fraction', `451.23-["message",${placeholder(0)}]`],
    ['a negative count', `45-1-["message",${placeholder(0)}]`],
    ['an ack without attachments', '460-1[]'],
  ]) {
    test(`${what} closes`, async () => {
      const ws = await joined()
      for (const part of frames) await ws.send(part)
      await ws.closed()
      assert.equal(ws.buffered, 0)
    })
  }
})

describe('packets against the rules close', () => {
  const reserved = ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener']
  for (const packet of [
    '4', '47', '49', '4999', '4a',
    '42["message"', '42"message"', '42null', '42[true,1]', '42[null]', '42[{"toString":"x"}]', '42[]', '42["message"]x', '421.5["message"]', '42-1["message"]',
    ...reserved.map((name) => `42["${name}","x"]`), '42["\\u0064isconnect"]',
    '431{}', '431"x"', '41{}', '41[]', '41"x"', '42/custom["message"]',
  ]) {
    test(packet, async () => {
      const ws = await joined()
      await ws.send(packet)
      await ws.closed()
      assert.equal(ws.buffered, 0)
    })
  }

  for (const packet of ['42', '421', '43', '431', '42 ["message",1]', '421 ["message",1]', '4 ', '4 0', '4 {}', `451e0-["message",${placeholder(0)}]`, `4501-["message",${placeholder(0)}]`, `45+1-["message",${placeholder(0)}]`]) {
    test(`${packet} (loose)`, differs('takes it'), async () => {
      const ws = await joined()
      await ws.send(packet)
      await ws.closed()
    })
  }

  test('polling: the answers so far, then a noop and the close', async () => {
    for (const packets of [['40', '40'], ['40', '4abc'], ['40', '42/custom,["message",1]'], ['42["message",1]'], ['4abc']]) {
      const session = await calm.polling()
      for (const [i, packet] of packets.entries()) {
        assert.deepEqual(pick(await session.post(packet)), [200, 'ok'])
        if (i === 0 && packets.length === 2) {
          assert.match(await session.next(), /^40\{"sid"/)
          assert.equal(await session.next(), '42["auth",{}]')
        }
      }
      assert.deepEqual(pick(await session.get()), [200, `6${RS}1`], packets.join(' '))
      assert.equal((await session.get()).text, '{"code":1,"message":"Session ID unknown"}')
    }
  })

  test('polling: what waits is delivered first, the close comes with the GET after it', async () => {
    await until(async () => {
      const session = await joinedPolling()
      await session.post('42["message",1]')
      await session.post('4abc')
      const first = pick(await session.get())
      // The close came before the handler had answered, so that nothing waited.
      if (first[1] === `6${RS}1`) return false
      assert.deepEqual(first, [200, '42["message-back",1]'])
      assert.deepEqual(pick(await session.get()), [200, `6${RS}1`])
      assert.equal((await session.get()).status, 400)
      return true
    }, 'an answer that is there before the close')
  })

  test('polling: a held GET is answered with the close', async () => {
    const session = await joinedPolling()
    const held = await session.hold()
    assert.deepEqual(pick(await session.post('4abc')), [200, 'ok'])
    assert.deepEqual(pick(await held.response), [200, '1'])
    assert.equal((await session.get()).status, 400)
  })
})
