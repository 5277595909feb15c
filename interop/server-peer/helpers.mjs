// The official server in this process, and what the scenarios share.
import { createServer } from 'node:http'
import { once } from 'node:events'
import { Server } from 'socket.io'
import { Driver } from '../lib/driver.mjs'
import { reference } from '../lib/peer.mjs'
import { note, within } from '../lib/util.mjs'

export const MODES = {
  polling: { transports: ['polling'] },
  websocket: { transports: ['websocket'] },
  upgraded: { transports: ['polling', 'websocket'] },
}

/// Options of a test for something that the official client gets wrong, or does not survive: a control run leaves it out.
export const beyond = (reason) => (reference ? { skip: `the official client ${reason}` } : {})

/// The official server. `io` is it, `behave(socket)` runs for every socket of `/`.
export class World {
  static async start(options = {}, behave = echo) {
    const world = new World()
    Object.assign(world, { options: { serveClient: false, ...options }, behave })
    await world.listen(0)
    return world
  }

  async listen(port) {
    this.http = createServer()
    this.io = new Server(this.http, this.options)
    /// Every request and upgrade, as it came.
    this.requests = []
    this.http.prependListener('request', (request) => this.#note(request))
    this.http.prependListener('upgrade', (request) => this.#note(request, true))
    this.io.on('connection', (socket) => {
      note('server', `connection ${socket.id}`)
      socket.on('disconnect', (reason) => note('server', `disconnect ${socket.id}: ${reason}`))
      this.behave(socket)
    })
    this.http.listen(port, '127.0.0.1')
    await once(this.http, 'listening')
    this.port = this.http.address().port
  }

  #note(request, upgrade = false) {
    const url = new URL(request.url, 'http://x')
    const query = Object.fromEntries(url.searchParams)
    const noted = { at: performance.now(), method: request.method, path: url.pathname, query, headers: request.headers, upgrade, length: 0 }
    this.requests.push(noted)
    note('server', `${request.method} ${request.url}${upgrade ? ' (upgrade)' : ''}`)
    if (request.method === 'POST') request.on('data', (chunk) => (noted.length += chunk.length))
  }

  url(namespace = '/') {
    return `http://127.0.0.1:${this.port}${namespace}`
  }

  /// The server's side of a connected client.
  socket(id, namespace = '/') {
    return this.io.of(namespace).sockets.get(id)
  }

  async stop() {
    const closed = this.http.listening ? once(this.http, 'close') : undefined
    this.io.close()
    this.http.closeAllConnections()
    await closed
  }

  /// Ends the server and starts another one on its port.
  async restart() {
    await this.stop()
    await this.listen(this.port)
  }
}

/// `echo` acknowledges, or emits, the same arguments; `order` keeps what came, and so on.
export function echo(socket) {
  socket.on('echo', (...args) => {
    if (typeof args.at(-1) === 'function') args.pop()(...args)
    else socket.emit('echo', ...args)
  })
}

/// The next occurrence of an event, as the list of its arguments.
export function event(emitter, name, what = `the event ${name}`) {
  return within(new Promise((resolve) => emitter.once(name, (...args) => resolve(args))), what)
}

/// A driver for the tests of one file.
export async function driver() {
  return Driver.start()
}

export { Driver }
