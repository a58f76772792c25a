// Signals by the names that Kubernetes gives them, `SIGUSR1`, `SIGRTMIN+3`. Source: core/v1 Signal; signal(7), as on x86 and ARM.

const NAMES =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'.split(
    ' ',
  )
const ALIASES: Readonly<Record<string, string>> = { IOT: 'ABRT', CLD: 'CHLD', POLL: 'IO' }
/** The first and the last that are for anybody's use; the C library keeps two below for itself. */
const REAL_TIME_MIN = 34
const REAL_TIME_MAX = 64

/** What the kernel calls a signal; undefined when there is none of that name. */
export function signalNumber(name: string): number | undefined {
  const short = name.replace(/^SIG/, '')
  const realTime = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(short)
  if (realTime) {
    const [, end, sign, offset = '0'] = realTime
    const number = (end === 'MIN' ? REAL_TIME_MIN : REAL_TIME_MAX) + (sign === '-' ? -1 : 1) * Number(offset)
    return number >= REAL_TIME_MIN && number <= REAL_TIME_MAX ? number : undefined
  }
  const index = NAMES.indexOf(ALIASES[short] ?? short)
  return index < 0 ? undefined : index + 1
}
