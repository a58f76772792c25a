import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { HtmlLinks } from './html-links.ts'

const through = async (...pieces: readonly Buffer[]): Promise<Buffer> =>
  buffer(Readable.from(pieces).pipe(new HtmlLinks((url) => (url.startsWith('/') ? `/p${url}` : url))))
const changed = async (html: string): Promise<string> => (await through(Buffer.from(html))).toString()

const cases: readonly (readonly [string, string, string])[] = [
  ['a link', '<a href="/x">test</a>', '<a href="/p/x">test</a>'],
  ['single quotes and none', "<A HREF='/x'><img src=/y.png>", "<A HREF='/p/x'><img src=/p/y.png>"],
  ['other attributes', '<a data-href="/x" title="/y" href="z">', '<a data-href="/x" title="/y" href="z">'],
  ['attributes of other tags', '<p href="/x"></p>', '<p href="/x"></p>'],
  ['a > in a value', '<img alt="a > b" src="/x">', '<img alt="a > b" src="/p/x">'],
  ['spaces and lines', '<form\n  action = "/x" >', '<form\n  action = "/p/x" >'],
  ['text that looks like a tag', 'if 1 < 2 then a href="/x"', 'if 1 < 2 then a href="/x"'],
  ['comments', '<!-- <a href="/x"> --><a href="/y">', '<!-- <a href="/x"> --><a href="/p/y">'],
  [
    'scripts',
    '<script src="/s">if (a<b) x = "<a href=\'/x\'>"</script><a href="/y">',
    '<script src="/p/s">if (a<b) x = "<a href=\'/x\'>"</script><a href="/p/y">',
  ],
  ['a tag without end', '<a href="/x', '<a href="/x'],
  ['a comment without end', 'x<!-- y', 'x<!-- y'],
]
for (const [name, html, expected] of cases) test(`links of a page: ${name}`, async () => assert.equal(await changed(html), expected))

test('bytes of any encoding go through', async () => {
  const bytes = Buffer.concat([Buffer.from([0xff, 0xe4, 0x00]), Buffer.from('ä<a href="/ü">')])
  assert.ok((await through(bytes)).equals(Buffer.concat([Buffer.from([0xff, 0xe4, 0x00]), Buffer.from('ä<a href="/p/ü">')])))
})

test('a tag without end is not waited for', async () => {
  const html = `<a href="${'x'.repeat(200_000)}`
  assert.equal(await changed(html), html)
})

test('any cut of a page gives the same', async () => {
  const page = Buffer.from(
    cases
      .slice(0, 9)
      .map(([, html]) => html)
      .join('\n'),
  )
  const whole = await through(page)
  for (let seed = 1; seed <= 100; seed++) {
    const random = seeded(seed)
    const pieces: Buffer[] = []
    for (let at = 0; at < page.length; at += pieces.at(-1)!.length) pieces.push(page.subarray(at, at + 1 + Math.floor(random() * 20)))
    assert.ok((await through(...pieces)).equals(whole), `seed ${seed}`)
  }
})

test('a tag that is made to take long takes no longer', async () => {
  for (const filling of ['x'.repeat(8_000), 'x '.repeat(4_000), 'x= '.repeat(2_500), '"" '.repeat(2_500), `x${' '.repeat(8_000)}`]) {
    const html = `<a ${filling} href="/x">`
    assert.equal(await changed(html), html.replace('/x', '/p/x'))
  }
})
