// A headless Chromium of the system, and one rule: nothing leaves the machine.
import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'

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
  page.setDefaultTimeout(15_000)
  page.problems = []
  page.on('pageerror', (error) => page.problems.push(String(error)))
  return page
}
