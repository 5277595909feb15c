// A server that follows the rules (the official one) or breaks them: raw answers, or scripted sessions of our own.
import { createServer } from 'node:http'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Server } from 'socket.io'
import { WebSocketServer } from 'ws'
import { RS } from '../lib/wire.mjs'
import { note } from '../lib/util.mjs'
import { echo } from './helpers.mjs'

export const OPEN = (more = {}) => `0${JSON.stringify({ sid: 'evil', upgrades: [], pingInterval: 25000, pingTimeout: 20000, maxPayload: 1000000, ...more })}`
export const CONNECTED = '40{"sid":"namespace"}'

const sockets = new WebSocketServer({ noServer: true, maxPayload: 64e6 })

export class Hostile {
  /// Times of the requests and upgrades that ask for a session, while it is hostile.
  handshakes = []
  /// All of them, while it is hostile.
  requests = 0
  #touched = new Set()
  /// What it does instead of being good: `{ request(req, res, told), upgrade(req, socket, head, told) }`. `told()` resolves when the
  /// client under test tells its application of its next CONNECT.
  evil

  static async start(told) {
    const hostile = new Hostile()
    hostile.http = createServer({ keepAliveTimeout: 100 })
    hostile.io = new Server(hostile.http, { serveClient: false })
    hostile.io.on('connection', echo)
    for (const kind of ['request', 'upgrade']) {
      const good = hostile.http.listeners(kind)
      hostile.http.removeAllListeners(kind)
      hostile.http.on(kind, (req, ...rest) => {
        req.socket.on('error', () => {})
        const act = hostile.evil?.[kind]
        if (!act) return good.forEach((listener) => listener.call(hostile.http, req, ...rest))
        hostile.requests++
        hostile.#touched.add(req.socket)
        if (!/[?&]sid=/.test(req.url)) hostile.handshakes.push(performance.now())
        note('hostile server', `${req.method} ${req.url}`)
        act(req, ...rest, told)
      })
    }
    hostile.http.listen(0, '127.0.0.1')
    await once(hostile.http, 'listening')
    hostile.port = hostile.http.address().port
    hostile.url = `http://127.0.0.1:${hostile.port}/`
    return hostile
  }

  turn(evil) {
    this.evil = evil
    this.handshakes = []
    this.requests = 0
  }

  /// Ends what is left of its hostile connections: the official client leaves some open for ever.
  clear() {
    this.turn(undefined)
    for (const socket of this.#touched) socket.destroy()
    this.#touched.clear()
  }

  async stop() {
    const closed = once(this.http, 'close')
    this.io.close()
    this.http.closeAllConnections()
    await closed
  }
}

/// Sessions, over either transport, that send `first` at once, `then` when the client's CONNECT came, and `later` when the client has
/// told of its CONNECT: the official client tells of it only after an error that came in the same turn. Text, or Buffers.
export function scripted({ first = [OPEN()], then = [], later = [] }) {
  const answer = async (send, told) => {
    const connected = later.length ? told() : undefined
    send(...then)
    await connected
    if (later.length) send(...later)
  }
  const waiting = { frames: [], held: undefined }
  const send = (...frames) => {
    waiting.frames.push(...frames)
    if (!waiting.held || !waiting.frames.length) return
    const body = waiting.frames.splice(0).map((frame) => (Buffer.isBuffer(frame) ? `b${frame.toString('base64')}` : frame)).join(RS)
    waiting.held.end(body)
    waiting.held = undefined
  }
  return {
    request(req, res, told) {
      res.setHeader('content-type', 'text/plain; charset=UTF-8')
      if (req.method === 'POST') {
        let body = ''
        req.on('data', (chunk) => (body += chunk)).on('end', () => {
          res.end('ok')
          if (body.startsWith('40')) answer(send, told)
        })
        return
      }
      waiting.held = res
      if (!/[?&]sid=/.test(req.url)) {
        waiting.frames = []
        send(...first)
      } else send()
    },
    upgrade(req, socket, head, told) {
      sockets.handleUpgrade(req, socket, head, (ws) => {
        ws.on('error', () => {})
        for (const frame of first) ws.send(frame)
        ws.on('message', (data) => {
          if (String(data).startsWith('40')) answer((...list) => list.forEach((frame) => ws.send(frame)), told)
        })
      })
    },
  }
}

/// Raw bytes after a proper 101. `asked` waits for what the client sends first, its CONNECT; `told` until it has told of the answer;
/// `end` and `destroy` are what they say.
export function frames(...list) {
  return {
    async upgrade(req, socket, head, told) {
      const asked = once(socket, 'data').catch(() => {})
      const accept = createHash('sha1').update(`${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
      socket.on('data', () => {})
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
      let connected
      for (const part of list) {
        if (part === 'asked') {
          await asked
          connected = told()
        } else if (part === 'told') await connected
        else if (part === 'end') socket.end()
        else if (part === 'destroy') socket.destroy()
        else socket.write(Buffer.from(part))
      }
    },
  }
}

/// One unmasked text frame below 64 KiB.
export const text = (content) => {
  const bytes = Buffer.from(content)
  return Buffer.concat([bytes.length < 126 ? Buffer.from([0x81, bytes.length]) : Buffer.from([0x81, 126, bytes.length >> 8, bytes.length & 255]), bytes])
}
