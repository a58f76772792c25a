import { type ServerRoute, textAnswer } from './routes.ts'

/** `/healthz`: this process answers. `/readyz`: pods can run here. @param notReady Why they cannot; undefined when they can. */
export const healthRoutes = (notReady: () => string | undefined): readonly ServerRoute[] => [
  { path: '/healthz', access: 'everybody', handle: async () => textAnswer('ok') },
  {
    path: '/readyz',
    access: 'everybody',
    handle: async () => {
      const why = notReady()
      return why === undefined ? textAnswer('ok') : textAnswer(`not ready: ${why}\n`, 503)
    },
  },
]
