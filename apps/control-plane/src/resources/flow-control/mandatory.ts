import type { FlowSchema, PriorityLevelConfiguration } from '@bramble/api/types/flow-control'

// What every API server has, and nobody may change. Source: apiserver pkg/apis/flowcontrol/bootstrap, "Mandatory" objects.

const EVERYTHING = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
}

export const MANDATORY_FLOW_SCHEMAS: Readonly<Record<string, FlowSchema['spec']>> = {
  exempt: {
    priorityLevelConfiguration: { name: 'exempt' },
    matchingPrecedence: 1,
    rules: [{ subjects: [{ kind: 'Group', group: { name: 'system:masters' } }], ...EVERYTHING }],
  },
  'catch-all': {
    priorityLevelConfiguration: { name: 'catch-all' },
    matchingPrecedence: 10_000,
    distinguisherMethod: { type: 'ByUser' },
    rules: [
      {
        subjects: [
          { kind: 'Group', group: { name: 'system:unauthenticated' } },
          { kind: 'Group', group: { name: 'system:authenticated' } },
        ],
        ...EVERYTHING,
      },
    ],
  },
}

export const MANDATORY_PRIORITY_LEVELS: Readonly<Record<string, PriorityLevelConfiguration['spec']>> = {
  exempt: { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  'catch-all': {
    type: 'Limited',
    limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } },
  },
}

export const NOT_QUEUED = 'Bramble does not queue or limit requests by flow: this object has no effect'
