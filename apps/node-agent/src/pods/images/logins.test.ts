import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Secret } from '@bramble/api/types/core'
import { loginsFor, loginsIn, repositoryOf } from './logins.ts'

const base64 = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64')
const aSecret = (type: string, file: string, content: unknown): Secret => ({
  metadata: { name: 'reg', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
  type,
  data: { [file]: base64(content) },
})
const configJson = (auths: unknown): Secret => aSecret('kubernetes.io/dockerconfigjson', '.dockerconfigjson', { auths })

for (const [sentence, secret, expected] of [
  [
    'user and password stand in their fields',
    configJson({ 'pi:5000': { username: 'anna', password: 'pw', email: 'a@b' } }),
    [{ registry: 'pi:5000', username: 'anna', password: 'pw' }],
  ],
  [
    'auth wins over fields; a password may hold colons',
    configJson({ 'pi:5000': { username: 'x', password: 'y', auth: base64('anna:p:w') } }),
    [{ registry: 'pi:5000', username: 'anna', password: 'p:w' }],
  ],
  [
    'an identity token',
    configJson({ 'https://index.docker.io/v1/': { auth: base64('anna:'), identitytoken: 'tok' } }),
    [{ registry: 'index.docker.io/v1/', username: 'anna', password: '', identityToken: 'tok' }],
  ],
  [
    'the older form has no "auths"',
    aSecret('kubernetes.io/dockercfg', '.dockercfg', { 'pi:5000': { auth: base64('a:b') } }),
    [{ registry: 'pi:5000', username: 'a', password: 'b' }],
  ],
  ['secrets of other types hold no logins', aSecret('Opaque', '.dockerconfigjson', { auths: { x: { auth: base64('a:b') } } }), []],
  ['a secret without its file holds none', aSecret('kubernetes.io/dockercfg', 'other', {}), []],
] as const)
  test(sentence, () => assert.deepEqual(loginsIn([secret]), expected))

for (const [sentence, content] of [
  ['no JSON', '{"auths": {"pi": {"password": "hush"'],
  ['auths is no object', { auths: ['hush'] }],
  ['auth without a colon', { auths: { pi: { auth: base64('hush') } } }],
] as const)
  test(`what cannot be read is named, its content is not: ${sentence}`, () =>
    assert.throws(
      () => loginsIn([aSecret('kubernetes.io/dockerconfigjson', '.dockerconfigjson', content)]),
      (error: Error) => /pull secret "default\/reg"/.test(error.message) && !error.message.includes('hush'),
    ))

for (const [registry, image, fits] of [
  ['pi.local:5000', 'pi.local:5000/team/web:1', true],
  ['pi.local', 'pi.local:5000/team/web:1', false],
  ['pi.local:5000', 'pi.local/team/web', false],
  ['pi.local:5000/team', 'pi.local:5000/team/web:1', true],
  ['pi.local:5000/team', 'pi.local:5000/other/web:1', false],
  ['*.example.com', 'registry.example.com/web', true],
  ['*.example.com', 'a.b.example.com/web', false],
  ['*.*.example.com', 'a.b.example.com/web', true],
  ['reg*.example.com', 'registry.example.com/web', true],
  ['re?istry.example.com', 'registry.example.com/web', true],
  ['[a-r]egistry.example.com', 'registry.example.com/web', true],
  ['[a-c]egistry.example.com', 'registry.example.com/web', false],
  ['[registry.example.com', 'registry.example.com/web', false],
  ['registry.example.com', 'registryxexample.com/web', false],
  ['index.docker.io/v1/', 'nginx', true],
  ['docker.io', 'library/nginx:1', true],
  ['docker.io/library/nginx', 'nginx@sha256:0123456789012345678901234567890123456789012345678901234567890123', true],
  ['docker.io', 'quay.io/nginx', false],
  ['quay.io/v2/team/', 'quay.io/team/web', true],
] as const)
  test(`a login for ${registry} ${fits ? 'fits' : 'does not fit'} ${image}`, () =>
    assert.equal(loginsFor(image, loginsIn([configJson({ [registry]: { auth: base64('a:b') } })])).length, fits ? 1 : 0))

test('the most specific login comes first, those of one place in their order', () => {
  const secrets = [
    configJson({ 'pi:5000': { auth: base64('all:1') }, 'pi:5000/team/web': { auth: base64('web:1') } }),
    configJson({ 'pi:5000/team': { auth: base64('team:1') }, 'pi:5000': { auth: base64('all:2') } }),
  ]
  assert.deepEqual(
    loginsFor('pi:5000/team/web:1', loginsIn(secrets)).map(({ username, password }) => `${username}${password}`),
    ['web1', 'team1', 'all1', 'all2'],
  )
  assert.deepEqual([...new Set(loginsFor('pi:5000/team/web:1', loginsIn(secrets)).map(({ registry }) => registry))], ['pi:5000'])
})

test('a repository is a name without tag and digest', () => {
  assert.equal(repositoryOf('nginx'), 'docker.io/library/nginx')
  assert.equal(repositoryOf(`pi:5000/a/b:1@sha256:${'0'.repeat(64)}`), 'pi:5000/a/b')
})
