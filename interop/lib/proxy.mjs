// A TCP proxy on loopback whose connections can be cut, stalled and half-closed.
import net from 'node:net'
import { once } from 'node:events'

export class Proxy {
  #pairs = new Set()
  #stalled = false
  #refusing = false
  #halfClosing = false
  accepted = 0

  static async start(port) {
    const proxy = new Proxy()
    proxy.target = port
    proxy.server = net.createServer({ allowHalfOpen: true }, (client) => proxy.#accept(client))
    proxy.server.listen(0, '127.0.0.1')
    await once(proxy.server, 'listening')
    proxy.port = proxy.server.address().port
    return proxy
  }

  #accept(client) {
    this.accepted++
    if (this.#refusing) return client.resetAndDestroy()
    const server = net.connect({ port: this.target, host: '127.0.0.1', allowHalfOpen: true })
    const pair = { client, server }
    this.#pairs.add(pair)
    for (const [from, to] of [[client, server], [server, client]]) {
      from.on('data', (chunk) => {
        if (!to.destroyed) to.write(chunk)
      })
      from.on('end', () => to.end())
      from.on('error', () => {})
      from.on('close', () => {
        // Node never closes a socket that is destroyed in the midst of its reset.
        if (!pair.cut) to.destroy()
        this.#pairs.delete(pair)
      })
      if (this.#stalled) from.pause()
    }
    if (this.#halfClosing) this.#halve(pair)
  }

  /// Ends every connection at once, by a reset to both sides.
  cut() {
    for (const pair of this.#pairs) {
      pair.cut = true
      for (const side of [pair.client, pair.server]) side.connecting || !side.writable ? side.destroy() : side.resetAndDestroy()
    }
  }

  /// Nothing is read or written any more, in either direction; new connections are accepted, and stall as well.
  stall() {
    this.#stalled = true
    for (const { client, server } of this.#pairs) [client, server].forEach((side) => side.pause())
  }

  flow() {
    this.#stalled = false
    for (const { client, server } of this.#pairs) [client, server].forEach((side) => side.resume())
  }

  /// From now on, on every connection, the client sees the end of what the server sends; what it writes goes nowhere. Or no longer.
  halfClose(halfClosing = true) {
    this.#halfClosing = halfClosing
    if (halfClosing) this.#pairs.forEach((pair) => this.#halve(pair))
  }

  #halve({ client, server }) {
    server.removeAllListeners('data').resume()
    client.removeAllListeners('data').resume()
    client.end()
  }

  /// From now on connections are reset as they come, or no longer.
  refuse(refusing = true) {
    this.#refusing = refusing
  }

  async stop() {
    this.cut()
    this.server.close()
    await once(this.server, 'close')
  }
}
