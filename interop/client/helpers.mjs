// The official client in three ways of travelling, and what the scenarios share.
import { io } from 'socket.io-client'
import { randomUUID } from 'node:crypto'
import assert from 'node:assert/strict'
import { note, until, within } from '../lib/util.mjs'

export const MODES = {
  polling: { transports: ['polling'] },
  websocket: { transports: ['websocket'] },
  upgraded: { transports: ['polling', 'websocket'] },
}

const open = new Set()

/// A client socket that is not waited for. Its key names it in what the server reports.
export function client(port, mode, { namespace = '/', auth = {}, ...options } = {}) {
  const key = randomUUID()
  const socket = io(`http://127.0.0.1:${port}${namespace}`, {
    ...MODES[mode], forceNew: true, reconnection: false, ...options, auth: typeof auth === 'function' ? auth : { key, ...auth },
  })
  socket.key = key
  open.add(socket)
  observe(socket.io, `client ${open.size}`)
  return socket
}

/// Notes what comes to a client and what becomes of its connection, for waits that fail.
function observe(manager, name) {
  manager.on('packet', (packet) => note(name, packet))
  for (const kind of ['open', 'close', 'error', 'reconnect_attempt', 'reconnect_error']) {
    manager.on(kind, (what) => note(name, `${kind} ${what?.message ?? what ?? ''}`))
  }
  manager.on('open', () => manager.engine.on('upgrade', () => note(name, 'upgraded')))
}

/// A connected client socket; in the mode `upgraded`, past the upgrade.
export async function connected(port, mode, options) {
  const socket = client(port, mode, options)
  await connection(socket)
  await settled(socket, mode)
  return socket
}

export async function settled(socket, mode) {
  const name = mode === 'polling' ? 'polling' : 'websocket'
  await until(() => socket.io.engine.transport.name === name, `the transport to be ${name}`)
}

/// The next occurrence of an event, as the list of its arguments.
export function event(emitter, name, what = `the event ${name}`) {
  return within(new Promise((resolve) => emitter.once(name, (...args) => resolve(args))), what)
}

export async function connection(socket) {
  if (socket.connected) return
  await within(new Promise((resolve, reject) => {
    socket.once('connect', resolve)
    if (!socket.io.reconnection()) socket.once('connect_error', reject)
  }), 'the client to connect')
}

/// An emit with acknowledgement, bounded.
export const ask = (socket, ...args) => within(socket.emitWithAck(...args), `the answer to ${args[0]}`)

/// Everything of these events that arrives, in order, as `[name, ...args]`.
export function collect(socket, ...names) {
  const seen = []
  for (const name of names) socket.on(name, (...args) => seen.push([name, ...args]))
  return seen
}

/// Watches the disconnects that the server sees: `watch.reason(socket)` waits for the one of that client.
export async function observer(port) {
  const socket = await connected(port, 'websocket')
  const gone = collect(socket, 'gone')
  assert.equal(await ask(socket, 'observe'), true)
  return {
    socket,
    gone,
    async reason({ key }, namespace = '/') {
      const found = await until(() => gone.find(([, who, where]) => who === key && where === namespace), `the server to see ${namespace} disconnect`)
      return found[3]
    },
  }
}

/// Ends every client of this file.
export function closeAll() {
  for (const socket of open) {
    socket.io.reconnection(false)
    socket.disconnect()
    socket.io.engine?.close()
  }
  open.clear()
}

export const bytes = (value) => Buffer.from(value)
