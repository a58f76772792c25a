import type { CronJob } from '@bramble/api/types/batch'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, containerColumns, nameColumn, selectorText, since } from './columns.ts'
import { validateCronJob } from './cron-job-spec/validate.ts'
import { isSame } from './differences.ts'
import { applyJobTemplateDefaults } from './job-spec/defaults.ts'
import { nameWarnings, podWarnings } from './pod-spec/warnings.ts'

export const cronJobs: ResourceDefinition<CronJob> = {
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  plural: 'cronjobs',
  shortNames: ['cj'],
  categories: ['all'],
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.batch.v1.CronJob' },
  columns: [
    nameColumn,
    { name: 'Schedule', type: 'string', value: ({ spec }) => spec.schedule ?? '' },
    { name: 'Timezone', type: 'string', value: ({ spec }) => spec.timeZone ?? '<none>' },
    { name: 'Suspend', type: 'boolean', value: ({ spec }) => (spec.suspend ? 'True' : 'False') },
    { name: 'Active', type: 'integer', value: ({ status }) => status?.active?.length ?? 0 },
    {
      name: 'Last Schedule',
      type: 'string',
      value: ({ status }, nowMs) => (status?.lastScheduleTime ? since(status.lastScheduleTime, nowMs) : '<none>'),
    },
    ageColumn,
    ...containerColumns<CronJob>(({ spec }) => spec.jobTemplate.spec.template.spec.containers),
    { name: 'Selector', type: 'string', priority: 1, value: ({ spec }) => selectorText(spec.jobTemplate.spec.selector) },
  ],
  subresources: { status: true },
  applyDefaults: ({ spec }) => {
    spec.jobTemplate ??= { spec: { template: { spec: { containers: [] } } } }
    spec.jobTemplate.spec ??= { template: { spec: { containers: [] } } }
    applyJobTemplateDefaults(spec.jobTemplate.spec)
    spec.concurrencyPolicy ||= 'Allow'
    spec.suspend ??= false
    spec.successfulJobsHistoryLimit ??= 3
    spec.failedJobsHistoryLimit ??= 1
  },
  validate: validateCronJob,
  warnings: (cronJob, previous) =>
    previous && isSame(previous.spec, cronJob.spec)
      ? []
      : [
          ...(previous ? [] : nameWarnings(cronJob)),
          ...podWarnings(cronJob.spec.jobTemplate.spec.template, 'spec.jobTemplate.spec.template.'),
          ...(cronJob.spec.schedule.includes('TZ')
            ? [
                'CRON_TZ or TZ used in spec.schedule is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details',
              ]
            : []),
          ...(previous ? [] : ['no controller of this cluster starts Jobs at their time yet: it is stored, and nothing runs']),
        ],
}
