import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodSecurityContext, SecurityContext } from '@bramble/api/types/pod'
import type { ImageState } from '../../runtime/runtime.ts'
import { aContainer, aPod } from '../pods-harness.ts'
import { DEFAULT_SECURITY, securityOf } from './security-context.ts'

const SETTINGS = { ...DEFAULT_SECURITY, seccompFolder: '/data/seccomp' }

function security(
  own: SecurityContext,
  ofPod: PodSecurityContext = {},
  image: Partial<ImageState> = {},
  annotations: Record<string, string> = {},
) {
  const pod = aPod('web', { containers: [aContainer('main', { securityContext: own })], securityContext: ofPod }, { annotations })
  return securityOf(pod, pod.spec.containers[0]!, { id: 'i', names: [], digests: [], sizeBytes: 1, ...image }, SETTINGS)
}

for (const [sentence, own, ofPod, image, expected] of [
  ['nobody says who: the image does', {}, {}, {}, {}],
  ['a user that the image names is told', {}, {}, { userName: 'www' }, { userName: 'www' }],
  ['the pod’s user and group', {}, { runAsUser: 7, runAsGroup: 8 }, { userName: 'www' }, { user: 7, group: 8 }],
  ['the container’s win', { runAsUser: 9 }, { runAsUser: 7, runAsGroup: 8 }, {}, { user: 9, group: 8 }],
  ['a group alone needs the image’s user', { runAsGroup: 8 }, {}, { userId: 5 }, { user: 5, group: 8 }],
  ['or the name of one', { runAsGroup: 8 }, {}, { userName: 'www' }, { userName: 'www', group: 8 }],
  ['or root', { runAsGroup: 8 }, {}, {}, { user: 0, group: 8 }],
] as const)
  test(`user and group: ${sentence}`, () => {
    const { user, userName, group } = security(own, ofPod, image)
    assert.deepEqual(
      { ...(user !== undefined && { user }), ...(userName && { userName }), ...(group !== undefined && { group }) },
      expected,
    )
  })

const WHICH = '(pod: "web_default(uid-web)", container: main)'
for (const [sentence, own, ofPod, image, message] of [
  ['root by number', { runAsUser: 0 }, { runAsNonRoot: true }, {}, `container's runAsUser breaks non-root policy ${WHICH}`],
  ['an image without a user', { runAsNonRoot: true }, {}, {}, `container has runAsNonRoot and image will run as root ${WHICH}`],
  ['an image of root', {}, { runAsNonRoot: true }, { userId: 0 }, `container has runAsNonRoot and image will run as root ${WHICH}`],
  [
    'an image of somebody',
    {},
    { runAsNonRoot: true },
    { userName: 'www' },
    `container has runAsNonRoot and image has non-numeric user (www), cannot verify user is non-root ${WHICH}`,
  ],
  ['a number', { runAsUser: 1 }, { runAsNonRoot: true }, { userName: 'www' }, undefined],
  ['an image of a number', {}, { runAsNonRoot: true }, { userId: 5 }, undefined],
  ['a container that may', { runAsNonRoot: false }, { runAsNonRoot: true }, {}, undefined],
] as const)
  test(`runAsNonRoot and ${sentence}: ${message ? 'refused' : 'allowed'}`, () => {
    if (message) assert.throws(() => security(own, ofPod, image), { reason: 'CreateContainerConfigError', message })
    else security(own, ofPod, image)
  })

for (const [sentence, own, ofPod, expected] of [
  ['nothing said', {}, {}, { type: 'runtime-default' }],
  ['of the pod', {}, { seccompProfile: { type: 'Unconfined' } }, { type: 'unconfined' }],
  [
    'the container’s wins',
    { seccompProfile: { type: 'RuntimeDefault' } },
    { seccompProfile: { type: 'Unconfined' } },
    { type: 'runtime-default' },
  ],
  [
    'of the node',
    { seccompProfile: { type: 'Localhost', localhostProfile: 'team/web.json' } },
    {},
    { type: 'localhost', path: '/data/seccomp/team/web.json' },
  ],
  ['a privileged container has none', { privileged: true, seccompProfile: { type: 'RuntimeDefault' } }, {}, { type: 'unconfined' }],
] as const)
  test(`seccomp: ${sentence}`, () => assert.deepEqual(security(own, ofPod).seccomp, expected))

test('without a profile pods run unconfined where the operator wants it so', () => {
  const pod = aPod('web')
  const image = { id: 'i', names: [], digests: [], sizeBytes: 1 }
  assert.deepEqual(securityOf(pod, pod.spec.containers[0]!, image, { ...SETTINGS, seccompDefault: 'unconfined' }).seccomp, {
    type: 'unconfined',
  })
})

for (const localhostProfile of ['', '../identity/key', 'a/../../x', '..'])
  test(`the seccomp profile "${localhostProfile}" is none`, () =>
    assert.throws(() => security({ seccompProfile: { type: 'Localhost', localhostProfile } }), { reason: 'CreateContainerConfigError' }))

test('groups: of files first, each once, those of devices too', () => {
  const pod = aPod('web', { securityContext: { fsGroup: 9, supplementalGroups: [5, 9, 6], supplementalGroupsPolicy: 'Strict' } })
  const image = { id: 'i', names: [], digests: [], sizeBytes: 1 }
  const found = securityOf(pod, pod.spec.containers[0]!, image, SETTINGS, [6, 20])
  assert.deepEqual([found.supplementalGroups, found.supplementalGroupsPolicy], [[9, 5, 6, 20], 'strict'])
  assert.equal(security({}).supplementalGroupsPolicy, undefined)
})

test('rights: only an explicit false forbids new ones', () => {
  assert.equal(security({}).noNewPrivileges, false)
  assert.equal(security({ allowPrivilegeEscalation: true }).noNewPrivileges, false)
  assert.equal(security({ allowPrivilegeEscalation: false }).noNewPrivileges, true)
  const { addCapabilities, dropCapabilities, readOnlyRoot, procMount, privileged } = security({
    capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
    readOnlyRootFilesystem: true,
    procMount: 'Unmasked',
  })
  assert.deepEqual(
    [addCapabilities, dropCapabilities, readOnlyRoot, procMount, privileged],
    [['NET_ADMIN'], ['ALL'], true, 'unmasked', false],
  )
})

for (const [sentence, own, annotations, expected] of [
  ['nothing said', {}, {}, undefined],
  ['the runtime’s own', { appArmorProfile: { type: 'RuntimeDefault' } }, {}, undefined],
  ['none', { appArmorProfile: { type: 'Unconfined' } }, {}, 'unconfined'],
  ['one of the node', { appArmorProfile: { type: 'Localhost', localhostProfile: 'web' } }, {}, 'web'],
  ['by annotation', {}, { 'container.apparmor.security.beta.kubernetes.io/main': 'localhost/web' }, 'web'],
  ['another container’s annotation', {}, { 'container.apparmor.security.beta.kubernetes.io/other': 'localhost/web' }, undefined],
  ['privileged', { privileged: true, appArmorProfile: { type: 'Localhost', localhostProfile: 'web' } }, {}, undefined],
] as const)
  test(`AppArmor: ${sentence}`, () => assert.equal(security(own, {}, {}, annotations).appArmorProfile, expected))
