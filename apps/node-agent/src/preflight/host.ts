/** A machine as far as checks look at it. Everything is known when they are asked: they only judge. */
export interface Host {
  /** Of a file, or of one of the kernel's; undefined when there is none. */
  text(path: string): string | undefined
  /** In a folder; none when there is no such folder. */
  names(folder: string): readonly string[]
  /** undefined when it is not there. */
  disk(folder: string): HostDisk | undefined
  /** What a program says of its version, or '' where it was not asked; undefined when it is not installed. */
  version(program: string): string | undefined
  readonly nowMs: number
  readonly hostname: string
  /** As Node.js has it: arm, arm64, x64. */
  readonly architecture: string
  /** As the kernel has it: aarch64, armv7l. */
  readonly machine: string
  readonly settings: HostSettings
}
export interface HostDisk {
  readonly availableBytes: number
  readonly capacityBytes: number
  readonly isReadOnly: boolean
}
export interface HostSettings {
  readonly dataDirectory: string
  readonly runtime: string
  readonly localPort: number
  /** When this program was made: no clock that is right says less. */
  readonly builtAtMs: number
  /** Since when the node's certificate is good, where it has one. */
  readonly certifiedAtMs?: number
}

export type Level = 'ok' | 'warn' | 'fail'

export interface Finding {
  readonly level: Level
  /** What is, in one sentence. */
  readonly message: string
  /** What a person does about it. */
  readonly advice?: string
  /** What `--fix` does about it; absent: it cannot. */
  readonly fix?: Fix
}
export type Fix =
  /** Words of a file of one line, such as the kernel's command line; good after a reboot. */
  | { readonly type: 'words'; readonly path: string; readonly words: readonly string[] }
  | { readonly type: 'modules'; readonly names: readonly string[] }
  | { readonly type: 'sysctls'; readonly values: Readonly<Record<string, string>> }

export interface Check {
  /** Shown to people. */
  readonly name: string
  /** Needs no child process, so the agent asks it again and again. */
  readonly isCheap: boolean
  /** Of which the finding is told; default: all failures together are told as PreflightFailed. */
  readonly condition?: { readonly type: string; readonly bad: string; readonly good: string }
  /** Pure. */
  judge(host: Host): Finding
}

export const ok = (message: string): Finding => ({ level: 'ok', message })
