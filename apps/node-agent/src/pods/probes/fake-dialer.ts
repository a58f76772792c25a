import type { HttpProbeRequest, ProbeDialer } from './probe-dialer.ts'

/** Answers for containers that run nowhere: well, unless told otherwise. */
export class FakeDialer implements ProbeDialer {
  /** `host:port` or path → status code. */
  readonly answers = new Map<string, number>()
  /** Hosts where nothing listens. */
  readonly closed = new Set<string>()

  async http({ host, port, path }: HttpProbeRequest): Promise<{ readonly statusCode: number }> {
    await this.tcp(host, port)
    return { statusCode: this.answers.get(path) ?? this.answers.get(`${host}:${port}`) ?? 200 }
  }

  async tcp(host: string, port: number): Promise<void> {
    if (this.closed.has(host)) throw new Error(`dial tcp ${host}:${port}: connect: connection refused`)
  }

  async grpc(host: string, port: number): Promise<void> {
    await this.tcp(host, port)
  }
}
