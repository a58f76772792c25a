import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CronJob } from '@bramble/api/types/batch'
import { parseSchedule } from './cron-job-spec/schedule.ts'
import { cronJobs } from './cron-job.ts'
import { METADATA, refusals, row, warnings, written } from './testing.ts'

const template = { spec: { restartPolicy: 'OnFailure', containers: [{ name: 'main', image: 'busybox:1' }] } }
const cron = (spec: object = {}): object => ({ spec: { schedule: '*/5 * * * *', jobTemplate: { spec: { template } }, ...spec } })

test('a CronJob that says nothing lets Jobs overlap and keeps a few', () => {
  const { jobTemplate, ...spec } = written<CronJob>(cronJobs, cron()).spec
  assert.deepEqual(spec, {
    schedule: '*/5 * * * *',
    concurrencyPolicy: 'Allow',
    suspend: false,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
  })
  assert.deepEqual([jobTemplate.spec.completions, jobTemplate.spec.template.spec.dnsPolicy], [undefined, 'ClusterFirst'])
})

const T = 'spec.jobTemplate.spec'
const checks: readonly (readonly [name: string, spec: object, ...expected: string[]])[] = [
  ['every five minutes', {}],
  ['without a schedule', { schedule: undefined }, 'spec.schedule: Required value'],
  ['at a time of a zone', { timeZone: 'Europe/Zurich' }],
  [
    'in no time zone',
    { timeZone: 'Europe/Atlantis' },
    'spec.timeZone: Invalid value: "Europe/Atlantis": unknown time zone Europe/Atlantis',
  ],
  ['in a time zone that climbs', { timeZone: '../etc' }, 'spec.timeZone: Invalid value: "../etc": unknown time zone ../etc'],
  ['in an empty time zone', { timeZone: '' }, 'spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string'],
  [
    'in the zone of the machine',
    { timeZone: 'Local' },
    'spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
  ],
  [
    'with its zone in the schedule',
    { schedule: 'TZ=UTC 0 0 * * *' },
    'spec.schedule: Invalid value: "TZ=UTC 0 0 * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
  ],
  [
    'with an unknown policy',
    { concurrencyPolicy: 'Queue' },
    'spec.concurrencyPolicy: Unsupported value: "Queue": supported values: "Allow", "Forbid", "Replace"',
  ],
  [
    'that may start before its time',
    { startingDeadlineSeconds: -1 },
    'spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0',
  ],
  [
    'that keeps fewer than no Jobs',
    { successfulJobsHistoryLimit: -1, failedJobsHistoryLimit: -1 },
    'spec.successfulJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0',
    'spec.failedJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0',
  ],
  [
    'whose Jobs have a selector',
    { jobTemplate: { spec: { template, selector: {}, manualSelector: true } } },
    `${T}.selector: Invalid value: {}: \`selector\` will be auto-generated`,
    `${T}.manualSelector: Unsupported value: true: supported values: "false", "nil"`,
  ],
  [
    'whose pods start again for ever',
    { jobTemplate: { spec: { template: { spec: { containers: template.spec.containers } } } } },
    `${T}.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"`,
  ],
  [
    'without pods',
    { jobTemplate: undefined },
    `${T}.template.spec.containers: Required value`,
    `${T}.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"`,
  ],
]
for (const [name, spec, ...expected] of checks) test(`a CronJob ${name}`, () => assert.deepEqual(refusals(cronJobs, cron(spec)), expected))

test('a name leaves room for the minute', () => {
  const named = (length: number): readonly string[] =>
    refusals(cronJobs, { ...cron(), metadata: { ...METADATA, name: 'a'.repeat(length) } })
  assert.deepEqual(named(52), [])
  assert.deepEqual(named(53), [`metadata.name: Invalid value: "${'a'.repeat(53)}": must be no more than 52 characters`])
})
test('a long name that was let in once stays', () => {
  const body = { ...cron(), metadata: { ...METADATA, name: 'a'.repeat(60) } }
  assert.deepEqual(refusals(cronJobs, body, body), [])
})
test('a zone in an old schedule stays, but not beside the field for it', () => {
  const old = cron({ schedule: 'CRON_TZ=UTC 0 0 * * *' })
  assert.deepEqual(refusals(cronJobs, old, old), [])
  assert.deepEqual(refusals(cronJobs, cron({ schedule: 'CRON_TZ=UTC 0 0 * * *', timeZone: 'UTC' }), old), [
    'spec.schedule: Invalid value: "CRON_TZ=UTC 0 0 * * *": cannot use both timeZone field and TZ or CRON_TZ in schedule',
  ])
})

const schedules: readonly (readonly [schedule: string, fault: string | undefined])[] = [
  ['0 0 * * *', undefined],
  ['  0   0 * * * ', undefined],
  ['*/15 8-18 ? JAN-MAR,12 mon-FRI', undefined],
  ['5/10 * * * *', undefined],
  ['0,30 1,2,3 1-15/2 * 0', undefined],
  ['@daily', undefined],
  ['@midnight', undefined],
  ['@every 1h30m', undefined],
  ['@every 1.5h', undefined],
  ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
  ['* * * * * *', 'expected exactly 5 fields, found 6: [* * * * * *]'],
  ['60 * * * *', 'end of range (60) above maximum (59): 60'],
  ['* 24 * * *', 'end of range (24) above maximum (23): 24'],
  ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
  ['* * * * 7', 'end of range (7) above maximum (6): 7'],
  ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
  ['*/0 * * * *', 'step of range should be a positive number: */0'],
  ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
  ['*/2/3 * * * *', 'too many slashes: */2/3'],
  ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
  ['* * * foo *', 'failed to parse int from foo: strconv.Atoi: parsing "foo": invalid syntax'],
  ['*/-1 * * * *', 'negative number (-1) not allowed: -1'],
  ['@reboot', 'unrecognized descriptor: @reboot'],
  ['@every soon', 'failed to parse duration @every soon: time: invalid duration "soon"'],
  ['@every 5', 'failed to parse duration @every 5: time: missing unit in duration "5"'],
  ['@every 5x', 'failed to parse duration @every 5x: time: unknown unit "x" in duration "5x"'],
]
for (const [schedule, fault] of schedules)
  test(`the schedule ${JSON.stringify(schedule)} ${fault === undefined ? 'is one' : 'is none'}`, () =>
    assert.deepEqual(
      refusals(cronJobs, cron({ schedule })),
      fault === undefined ? [] : [`spec.schedule: Invalid value: ${JSON.stringify(schedule)}: ${fault}`],
    ))

test('a schedule says which minutes, hours, days and months it means', () => {
  const { minutes, hours, daysOfMonth, months, daysOfWeek } = parseSchedule('5/20 8-10 1 jan,DEC sun-tue')!
  assert.deepEqual(
    [minutes, hours, daysOfMonth, months, daysOfWeek].map((values) => [...values]),
    [[5, 25, 45], [8, 9, 10], [1], [1, 12], [0, 1, 2]],
  )
  assert.equal(parseSchedule('@every 1h'), undefined)
})

test('kubectl get shows when a CronJob starts and when it did', () => {
  const status = { active: [{ name: 'a' }, { name: 'b' }], lastScheduleTime: '2026-01-01T00:03:00Z' }
  assert.deepEqual(row(cronJobs, { ...written<CronJob>(cronJobs, cron({ timeZone: 'UTC', suspend: true })), status }), {
    Name: 'x',
    Schedule: '*/5 * * * *',
    Timezone: 'UTC',
    Suspend: 'True',
    Active: 2,
    'Last Schedule': '2m',
    Age: '5m',
    Containers: 'main',
    Images: 'busybox:1',
    Selector: '<none>',
  })
  const { Timezone, 'Last Schedule': last } = row(cronJobs, written<CronJob>(cronJobs, cron()))
  assert.deepEqual([Timezone, last], ['<none>', '<none>'])
})
test('who makes a CronJob is told that nothing starts it', () => {
  assert.match(warnings(cronJobs, cron()).at(-1)!, /no controller of this cluster starts Jobs/)
})
