import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerStatus, Pod, PodSpec, PodStatus } from '@bramble/api/types/pod'
import { podRow } from './pod-row.ts'

const NOW_MS = Date.UTC(2026, 0, 1, 12)
const FIVE_MINUTES_AGO = '2026-01-01T11:55:00Z'

const running = (name = 'app', more: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name,
  ready: true,
  restartCount: 0,
  image: 'i',
  imageID: '',
  state: { running: { startedAt: FIVE_MINUTES_AGO } },
  ...more,
})
const waiting = (reason: string, more: Partial<ContainerStatus> = {}): ContainerStatus =>
  running('app', { ready: false, state: { waiting: { reason } }, ...more })
const ended = (exitCode: number, reason?: string, more: Partial<ContainerStatus> = {}): ContainerStatus =>
  running('app', { ready: false, state: { terminated: { exitCode, reason } }, ...more })
const restarted = (restartCount: number): Partial<ContainerStatus> => ({
  restartCount,
  lastState: { terminated: { exitCode: 1, finishedAt: FIVE_MINUTES_AGO } },
})
const condition = (type: string, status: 'True' | 'False' = 'True', reason?: string) => ({ type, status, ...(reason && { reason }) })

interface Case {
  readonly name: string
  readonly spec?: Partial<PodSpec>
  readonly status: PodStatus
  readonly leaving?: true
  readonly row: string
}
const two = {
  containers: [
    { name: 'app', image: 'i' },
    { name: 'side', image: 'i' },
  ],
}
const init = {
  initContainers: [
    { name: 'first', image: 'i' },
    { name: 'second', image: 'i' },
  ],
}
const sidecar = { initContainers: [{ name: 'proxy', image: 'i', restartPolicy: 'Always' as const }] }

const cases: readonly Case[] = [
  { name: 'a pod that waits for a node', status: { phase: 'Pending' }, row: '0/1 Pending 0' },
  {
    name: 'a pod that a gate holds',
    status: { phase: 'Pending', conditions: [condition('PodScheduled', 'False', 'SchedulingGated')] },
    row: '0/1 SchedulingGated 0',
  },
  {
    name: 'a container that is being made',
    status: { phase: 'Pending', containerStatuses: [waiting('ContainerCreating')] },
    row: '0/1 ContainerCreating 0',
  },
  { name: 'a running pod', status: { phase: 'Running', containerStatuses: [running()] }, row: '1/1 Running 0' },
  {
    name: 'one of two ready',
    spec: two,
    status: { phase: 'Running', containerStatuses: [running(), running('side', { ready: false })] },
    row: '1/2 Running 0',
  },
  {
    name: 'a crash loop',
    status: { phase: 'Running', containerStatuses: [waiting('CrashLoopBackOff', restarted(3))] },
    row: '0/1 CrashLoopBackOff 3 (5m ago)',
  },
  {
    name: 'an image that cannot be had',
    status: { phase: 'Pending', containerStatuses: [waiting('ImagePullBackOff')] },
    row: '0/1 ImagePullBackOff 0',
  },
  {
    name: 'restarts whose end nobody saw',
    status: { phase: 'Running', containerStatuses: [running('app', { restartCount: 2 })] },
    row: '1/1 Running 2',
  },
  { name: 'a finished pod', status: { phase: 'Succeeded', containerStatuses: [ended(0, 'Completed')] }, row: '0/1 Completed 0' },
  { name: 'a failed pod', status: { phase: 'Failed', containerStatuses: [ended(1, 'Error')] }, row: '0/1 Error 0' },
  { name: 'an exit without a reason', status: { phase: 'Failed', containerStatuses: [ended(7)] }, row: '0/1 ExitCode:7 0' },
  {
    name: 'a signal without a reason',
    status: { phase: 'Failed', containerStatuses: [running('app', { ready: false, state: { terminated: { exitCode: 137, signal: 9 } } })] },
    row: '0/1 Signal:9 0',
  },
  { name: 'an evicted pod', status: { phase: 'Failed', reason: 'Evicted' }, row: '0/1 Evicted 0' },
  {
    name: 'one done beside a running one, ready',
    spec: two,
    status: { phase: 'Running', conditions: [condition('Ready')], containerStatuses: [ended(0, 'Completed'), running('side')] },
    row: '1/2 Running 0',
  },
  {
    name: 'one done beside a running one, not ready',
    spec: two,
    status: { phase: 'Running', conditions: [condition('Ready', 'False')], containerStatuses: [ended(0, 'Completed'), running('side')] },
    row: '1/2 NotReady 0',
  },
  {
    name: 'the first init container under way',
    spec: init,
    status: {
      phase: 'Pending',
      initContainerStatuses: [running('first', { ready: false }), waiting('PodInitializing')],
      containerStatuses: [waiting('PodInitializing')],
    },
    row: '0/1 Init:0/2 0',
  },
  {
    name: 'the second init container under way',
    spec: init,
    status: { phase: 'Pending', initContainerStatuses: [ended(0, 'Completed', { name: 'first' }), running('second', { ready: false })] },
    row: '0/1 Init:1/2 0',
  },
  {
    name: 'an init container in a crash loop',
    spec: init,
    status: { phase: 'Pending', initContainerStatuses: [waiting('CrashLoopBackOff', { ...restarted(2), name: 'first' })] },
    row: '0/1 Init:CrashLoopBackOff 2 (5m ago)',
  },
  {
    name: 'an init container that failed',
    spec: init,
    status: { phase: 'Failed', initContainerStatuses: [ended(1, 'Error', { name: 'first' })] },
    row: '0/1 Init:Error 0',
  },
  {
    name: 'an init container that failed for no reason',
    spec: init,
    status: { phase: 'Failed', initContainerStatuses: [ended(3, undefined, { name: 'first' })] },
    row: '0/1 Init:ExitCode:3 0',
  },
  {
    name: 'restarts of init containers no longer count',
    spec: init,
    status: {
      phase: 'Running',
      initContainerStatuses: [ended(0, 'Completed', { name: 'first', restartCount: 4 }), ended(0, 'Completed', { name: 'second' })],
      containerStatuses: [running()],
    },
    row: '1/1 Running 0',
  },
  {
    name: 'a sidecar counts as a container',
    spec: sidecar,
    status: {
      phase: 'Running',
      initContainerStatuses: [running('proxy', { started: true, restartCount: 1 })],
      containerStatuses: [running()],
    },
    row: '2/2 Running 1',
  },
  { name: 'a leaving pod', leaving: true, status: { phase: 'Running', containerStatuses: [running()] }, row: '1/1 Terminating 0' },
  {
    name: 'a leaving pod that has ended',
    leaving: true,
    status: { phase: 'Succeeded', containerStatuses: [ended(0, 'Completed')] },
    row: '0/1 Completed 0',
  },
  {
    name: 'a leaving pod whose node is lost',
    leaving: true,
    status: { phase: 'Running', reason: 'NodeLost', containerStatuses: [running()] },
    row: '1/1 Unknown 0',
  },
]

for (const { name, spec, status, leaving, row } of cases) {
  test(`kubectl get pods shows ${name}`, () => {
    const pod: Pod = {
      metadata: {
        name: 'p',
        uid: 'u',
        resourceVersion: '1',
        creationTimestamp: FIVE_MINUTES_AGO,
        ...(leaving && { deletionTimestamp: FIVE_MINUTES_AGO }),
      },
      spec: { containers: [{ name: 'app', image: 'i' }], ...spec },
      status,
    }
    const { ready, status: text, restarts } = podRow(pod, NOW_MS)
    assert.equal(`${ready} ${text} ${restarts}`, row)
  })
}
