// A headless Chromium of the system, and one rule: nothing leaves the machine.
import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import { PATIENCE, note } from '../lib/util.mjs'

export const executablePath = process.env.CHROMIUM || '/usr/bin/chromium'

const present = existsSync(executablePath)
if (!present && process.env.CI === 'true') {
  throw new Error(`there is no Chromium at ${executablePath}: install it, or set CHROMIUM to its path (CI=true forbids to skip these tests)`)
}

/// Options of a suite that needs the browser.
export const needsBrowser = present ? {} : { skip: `no Chromium at ${executablePath}: install it, or set CHROMIUM to its path` }

export const launch = () => chromium.launch({
  executablePath,
  headless: true,
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
    '--disable-sync', '--disable-dev-shm-usage', '--no-proxy-server', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  ],
})

/// A page in a context of its own: another person, without the cookies and the storage of the others.
export async function person(browser, options = {}) {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE)
  page.problems = []
  page.on('pageerror', (error) => page.problems.push(String(error)))
  page.on('console', (message) => note('page', message.text()))
  page.on('response', (response) => note('page', `${response.status()} ${response.url()}`))
  page.on('requestfailed', (request) => note('page', `failed: ${request.url()}`))
  page.on('websocket', (socket) => {
    socket.on('framereceived', ({ payload }) => note('page', payload))
    socket.on('close', () => note('page', 'its WebSocket is closed'))
  })
  return page
}
