// Small helpers of every suite. Nothing here waits without a bound.
import { setTimeout as sleep } from 'node:timers/promises'

export { sleep }

/// The bound of one step. Generous: it is reached only when something is broken.
export const PATIENCE = Number(process.env.PATIENCE ?? 10_000)

/// Settles as `promise` does, or fails after `ms` with a message that names what was awaited.
export function within(promise, what, ms = PATIENCE) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${ms} ms: ${what}`)), ms)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/// Asks `probe` again and again until it returns something truthy, which is the result.
export async function until(probe, what, ms = PATIENCE) {
  const end = Date.now() + ms
  for (;;) {
    const value = await probe()
    if (value) return value
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
    await sleep(20)
  }
}

/// A queue whose consumer waits for the next element, or for the end.
export class Queue {
  #items = []
  #waiting = []
  #end

  push(item) {
    const waiter = this.#waiting.shift()
    waiter ? waiter.resolve(item) : this.#items.push(item)
  }

  end(error) {
    this.#end = error
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error)
  }

  get size() {
    return this.#items.length
  }

  next(what = 'the next element') {
    if (this.#items.length) return Promise.resolve(this.#items.shift())
    if (this.#end) return Promise.reject(this.#end)
    let waiter
    const promise = new Promise((resolve, reject) => this.#waiting.push((waiter = { resolve, reject })))
    return within(promise, what).catch((error) => {
      this.#waiting = this.#waiting.filter((other) => other !== waiter)
      throw error
    })
  }
}
