import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '@bramble/api/object'
import type { CustomKind } from './resource.ts'
import { checkTypeMeta } from './type-meta.ts'

const POD = { group: '', version: 'v1', kind: 'Pod' }
const DEPLOYMENT = { group: 'apps', version: 'v1', kind: 'Deployment' }
const AUTOSCALER = { group: 'autoscaling', version: 'v2', kind: 'HorizontalPodAutoscaler' }
const EVENT = { group: 'events.k8s.io', version: 'v1', kind: 'Event' }
const CUSTOM = { group: 'example.com', version: 'v1', kind: 'Widget', custom: {} as CustomKind }

const refused: readonly { name: string; at: typeof POD; body: JsonObject; code?: number; message: string }[] = [
  {
    name: 'another kind of the same version',
    at: POD,
    body: { apiVersion: 'v1', kind: 'Node' },
    message: 'Node in version "v1" cannot be handled as a Pod: converting (v1.Node) to (core.Pod): unknown conversion',
  },
  {
    name: 'a kind of another group',
    at: POD,
    body: { apiVersion: 'apps/v1', kind: 'Deployment' },
    message: 'Deployment in version "v1" cannot be handled as a Pod: converting (v1.Deployment) to (core.Pod): unknown conversion',
  },
  {
    name: 'a core kind at a named group',
    at: DEPLOYMENT,
    body: { apiVersion: 'v1', kind: 'Pod' },
    message: 'Pod in version "v1" cannot be handled as a Deployment: converting (v1.Pod) to (apps.Deployment): unknown conversion',
  },
  {
    name: 'a kind that is none',
    at: DEPLOYMENT,
    body: { kind: 'Deploiment' },
    message:
      'Deploiment in version "v1" cannot be handled as a Deployment: no kind "Deploiment" is registered for version "apps/v1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
  },
  {
    name: 'a version that is none',
    at: POD,
    body: { apiVersion: 'v2' },
    message:
      'Pod in version "v2" cannot be handled as a Pod: no kind "Pod" is registered for version "v2" in scheme "pkg/api/legacyscheme/scheme.go:30"',
  },
  {
    name: 'another version of the kind',
    at: AUTOSCALER,
    body: { apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscaler' },
    message: 'the API version in the data (autoscaling/v1) does not match the expected API version (autoscaling/v2)',
  },
  {
    name: 'an event of the other group',
    at: EVENT,
    body: { apiVersion: 'v1', kind: 'Event' },
    message: 'the API version in the data (v1) does not match the expected API version (events.k8s.io/v1)',
  },
  {
    name: 'another version of a custom kind',
    at: CUSTOM,
    body: { apiVersion: 'example.com/v2', kind: 'Widget' },
    message: 'the API version in the data (example.com/v2) does not match the expected API version (example.com/v1)',
  },
  {
    name: 'another kind of a custom group',
    at: CUSTOM,
    body: { apiVersion: 'example.com/v1', kind: 'Gadget' },
    code: 422,
    message: 'Widget.example.com "" is invalid: kind: Invalid value: "Gadget": must be Widget',
  },
]
for (const { name, at, body, code = 400, message } of refused)
  test(`refuses ${name}`, () => assert.throws(() => checkTypeMeta(at, body), { code, message }))

for (const body of [
  {},
  { apiVersion: 'v1' },
  { kind: 'Pod' },
  { apiVersion: '', kind: '' },
  { apiVersion: null, kind: null },
] as JsonObject[])
  test(`${JSON.stringify(body)} is a pod where pods are`, () => assert.doesNotThrow(() => checkTypeMeta(POD, body)))
