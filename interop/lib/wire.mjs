// Raw HTTP and WebSocket, one step below any client library: what is asserted is what was on the wire.
import { readFile } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import { WebSocket } from 'ws'
import { Queue, note, sleep, until, within } from './util.mjs'

export const RS = '\x1e'
const agent = new http.Agent({ keepAlive: false })

/// Starts a request; `response` settles with `{ status, headers, body, text, chunked }`. `req` may be written to or destroyed.
export function begin(port, path, { method = 'GET', headers = {}, body, open = false } = {}) {
  const req = http.request({ host: '127.0.0.1', port, path, method, headers, agent })
  const response = new Promise((resolve, reject) => {
    req.on('error', (error) => {
      note(`${method} ${path}`, String(error))
      reject(error)
    })
    req.on('response', (res) => {
      const chunks = []
      res.on('data', (chunk) => chunks.push(chunk))
      res.on('error', reject)
      note(`${method} ${path}`, `the head of an answer: ${res.statusCode}`)
      res.on('end', () => {
        const all = Buffer.concat(chunks)
        note(`${method} ${path}`, `${res.statusCode} ${all}`)
        resolve({ status: res.statusCode, headers: res.headers, body: all, text: all.toString() })
      })
    })
    req.on('upgrade', (res, socket) => {
      socket.destroy()
      resolve({ status: res.statusCode, headers: res.headers, body: Buffer.alloc(0), text: '' })
    })
  })
  if (!open) req.end(body)
  const bounded = within(response, `the answer to ${method} ${path}`)
  bounded.catch(() => {}) // whoever asks for it sees the failure
  return { req, response: bounded }
}

export const request = (port, path, options) => begin(port, path, options).response

/// Returns when the program at the other end of a loopback connection has read all that was written to it. Linux tells; elsewhere it
/// is given time.
export async function taken(socket) {
  if (process.platform !== 'linux') return sleep(50)
  if (socket.connecting) await within(new Promise((resolve) => socket.once('connect', resolve)), 'the connection')
  const port = (number) => `:${number.toString(16).toUpperCase().padStart(4, '0')}`
  const [near, far] = [port(socket.localPort), port(socket.remotePort)]
  await until(async () => {
    const rows = (await readFile('/proc/net/tcp', 'utf8')).split('\n').map((row) => row.trim().split(/\s+/))
    const queues = (from, to) => rows.find(([, local, remote]) => local?.endsWith(from) && remote?.endsWith(to))?.[4].split(':').map((size) => parseInt(size, 16))
    const [ours, theirs] = [queues(near, far), queues(far, near)]
    return ours && theirs && socket.writableLength + ours[0] + theirs[1] === 0
  }, `the other side to read what was written from port ${socket.localPort}`)
}

/// Opens a TCP connection, sends `bytes`, and returns all that comes until the other side ends it.
export async function raw(port, ...parts) {
  const socket = net.connect(port, '127.0.0.1')
  const chunks = []
  socket.on('data', (chunk) => {
    note('raw connection', chunk.toString('latin1'))
    chunks.push(chunk)
  })
  const end = new Promise((resolve) => socket.on('close', resolve).on('error', () => {}))
  for (const part of parts) socket.write(part)
  try {
    await within(end, 'the end of a raw connection')
  } finally {
    socket.destroy()
  }
  return Buffer.concat(chunks)
}

/// A raw HTTP answer taken apart: `{ line, status, headers, body }`, header names in lower case.
export function parseHead(bytes) {
  const text = bytes.toString('latin1')
  const at = text.indexOf('\r\n\r\n')
  const [line, ...fields] = text.slice(0, at).split('\r\n')
  const headers = Object.fromEntries(fields.map((field) => [field.slice(0, field.indexOf(':')).toLowerCase(), field.slice(field.indexOf(':') + 1).trim()]))
  return { line, status: Number(line.split(' ')[1]), headers, body: text.slice(at + 4) }
}

/// The bytes of a WebSocket upgrade request.
export function upgradeRequest(path, headers = {}) {
  const all = {
    Host: '127.0.0.1', Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', ...headers,
  }
  const fields = Object.entries(all).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET ${path} HTTP/1.1\r\n${fields.join('')}\r\n`
}

/// Where an Engine.IO server listens.
export class Target {
  constructor(port, path) {
    this.port = port
    this.path = path
  }

  url(query) {
    return `${this.path}?${query}`
  }

  get(query, options) {
    return request(this.port, this.url(query), options)
  }

  begin(query, options) {
    return begin(this.port, this.url(query), options)
  }

  /// Returns when the server, which has one thread, has seen what was written of a request so far.
  async taken(req) {
    const socket = req.socket ?? (await within(new Promise((resolve) => req.once('socket', resolve)), 'a socket'))
    await taken(socket)
    await this.get('EIO=4&transport=polling&sid=unknown')
  }

  ws(query, options) {
    return new Ws(this.port, this.url(query), options)
  }

  /// A WebSocket session, past its OPEN packet (in `handshake`).
  async websocket() {
    const ws = this.ws('EIO=4&transport=websocket')
    ws.handshake = JSON.parse((await ws.text()).slice(1))
    return ws
  }

  /// A polling session.
  async polling(headers) {
    const answer = await this.get('EIO=4&transport=polling', { headers })
    if (answer.status !== 200) throw new Error(`handshake refused: ${answer.status} ${answer.text}`)
    const packets = answer.text.split(RS)
    return new Polling(this, JSON.parse(packets[0].slice(1)))
  }
}

/// A polling session driven by hand.
export class Polling {
  constructor(target, handshake) {
    this.target = target
    this.handshake = handshake
    this.sid = handshake.sid
    this.query = `EIO=4&transport=polling&sid=${this.sid}`
  }

  get(options) {
    return this.target.get(this.query, options)
  }

  post(body, headers = { 'content-type': 'text/plain;charset=UTF-8' }) {
    return this.target.get(this.query, { method: 'POST', body, headers })
  }

  begin(options) {
    return this.target.begin(this.query, options)
  }

  /// A GET that the server holds: it has read it, and answered a later request.
  async hold() {
    const held = this.begin()
    await this.target.taken(held.req)
    return held
  }

  probe() {
    return this.target.ws(`EIO=4&transport=websocket&sid=${this.sid}`)
  }

  /// The packets of the next GET, one by one; a PING is answered and left out.
  packets = []
  async next() {
    while (!this.packets.length) {
      const { status, text } = await this.get()
      if (status !== 200) throw new Error(`GET answered ${status} ${text}`)
      for (const packet of text.split(RS)) {
        if (packet === '2') await this.post('3')
        else this.packets.push(packet)
      }
    }
    return this.packets.shift()
  }
}

/// A WebSocket whose frames are taken one by one; a PING packet is left to the caller.
export class Ws {
  #queue = new Queue()

  constructor(port, path, { headers, protocols = [], deflate = false } = {}) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { headers, perMessageDeflate: deflate, maxPayload: 64e6 })
    this.socket.on('message', (data, binary) => {
      note(`WebSocket ${path}`, binary ? data : String(data.subarray(0, 300)))
      this.#queue.push(binary ? Buffer.from(data) : String(data))
    })
    this.opened = new Promise((resolve, reject) => this.socket.once('open', resolve).once('error', reject).once('close', () => reject(new Error('closed'))))
    this.opened.catch(() => {})
    this.socket.on('error', (error) => (this.error = error))
    this.socket.once('upgrade', (response) => (this.head = response))
    this.socket.once('unexpected-response', (_, response) => {
      this.refused = response.statusCode
      this.socket.terminate()
    })
    const end = new Promise((resolve) => this.socket.once('close', (code, reason) => resolve({ code, reason: String(reason), refused: this.refused, error: this.error })))
    end.then(({ code, reason, refused }) => {
      note(`WebSocket ${path}`, `closed: ${code} ${reason} ${refused ?? ''}`)
      this.#queue.end(new Error(`the WebSocket is closed: ${code} ${reason}`))
    })
    this.end = end
  }

  open() {
    return within(this.opened, 'the WebSocket to open')
  }

  async send(data, options = {}) {
    await this.open()
    this.socket.send(data, options)
  }

  /// Returns when the server has read all that was sent so far: a WebSocket PING, answered by a PONG.
  async sync() {
    await this.open()
    const pong = new Promise((resolve) => this.socket.once('pong', resolve))
    this.socket.ping()
    await within(Promise.race([pong, this.end]), 'the PONG of the WebSocket')
  }

  /// The next frame: a string, or a Buffer.
  next() {
    return this.#queue.next('a WebSocket frame')
  }

  async text() {
    const frame = await this.next()
    if (typeof frame !== 'string') throw new Error(`a text frame was expected, not ${frame.length} bytes`)
    return frame
  }

  get buffered() {
    return this.#queue.size
  }

  /// How it ended: `{ code, reason, refused, error }`.
  closed() {
    return within(this.end, 'the WebSocket to close')
  }

  close() {
    this.socket.terminate()
  }
}
