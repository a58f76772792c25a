import type { Container } from '@bramble/api/types/pod'
import type { Env } from '@bramble/reconcile/env'
import { type ContainerState, type Runtime, RuntimeError } from '../runtime/runtime.ts'
import { containerConfig, sandboxConfig } from './container-config.ts'
import { containerNamed } from './containers.ts'
import { type ConfigSource, makeEnvironment, type PodFacts, type Warn } from './environment.ts'
import type { PodEvents } from './events.ts'
import type { ImagePulls } from './images/image-pulls.ts'
import type { ContainerStops } from './lifecycle/container-stops.ts'
import type { PostStarts } from './lifecycle/post-starts.ts'
import { resizeProblem, type Step } from './plan.ts'
import { messageOf } from './message-of.ts'
import { type PodFiles, VolumeError } from './pod-files.ts'
import type { PodMemory } from './pod-memory.ts'
import type { PodPolicy } from './pod-policy.ts'
import { attemptsOf, endCode } from './pod-view.ts'
import { givenTo, RESOURCES_ANNOTATION, withPart } from './resize/given.ts'
import type { ResizeStep } from './resize/plan-resize.ts'
import type { Resizes } from './resize/resizes.ts'
import { containerResources } from './resources.ts'
import { nextBackoff, ruleFor } from './restart-policy.ts'
import { grantDevices } from './security/device-grants.ts'
import { within } from './within.ts'

export interface StepsParts {
  readonly env: Env
  readonly runtime: Runtime
  readonly files: PodFiles
  readonly events: PodEvents
  readonly pulls: ImagePulls
  readonly stops: Pick<ContainerStops, 'stop'>
  readonly postStarts: Pick<PostStarts, 'run'>
  readonly resizes: Pick<Resizes, 'failed'>
  readonly source: ConfigSource
  readonly facts: (podIp: string | undefined) => PodFacts
  readonly nodeMemoryBytes: () => number
  readonly hostname: () => string
  readonly logFolder: string
  readonly policy?: PodPolicy
}

/** A runtime that needs longer than this is stuck. */
const STEP_LIMIT_MS = 120_000

/** Does what a plan says. What fails is remembered as a problem with a time to try again, so that a plan can wait for it. */
export class PodSteps {
  readonly #parts: StepsParts

  constructor(parts: StepsParts) {
    this.#parts = parts
  }

  /**
   * @returns false when it failed and the rest of the plan is void.
   * @throws when removing failed: the caller tries again with back-off.
   */
  async perform(step: Step, memory: PodMemory, signal: AbortSignal): Promise<boolean> {
    const { runtime, pulls, files, env, stops, postStarts } = this.#parts
    switch (step.type) {
      case 'prepare':
        return this.prepare(memory, signal)
      case 'run-sandbox':
        return this.#runSandbox(memory, signal)
      case 'get-image':
        await pulls.get(memory.pod, step.container, step.attempt, step.mayUsePresent, signal)
        return true
      case 'create-and-start':
        return this.#createAndStart(step, memory, signal)
      case 'start':
        return this.#start(memory, step.container, step.id, signal)
      case 'post-start':
        postStarts.run(step, memory, signal)
        return true
      case 'stop':
        stops.stop(step, memory, signal)
        return true
      case 'update-container':
      case 'update-sandbox':
        return this.#resize(step, memory, signal)
      case 'remove-container':
        memory.keepFailedStart(step.state)
        await within(env.clock, STEP_LIMIT_MS, 'removing a container', signal, () => runtime.removeContainer(step.state.id))
        if (step.beginsAnew) await this.#beginAnew(step.state, memory)
        else await files.removeAttempt(memory.pod, step.state)
        return true
      case 'remove-sandbox':
        await this.#removeSandbox(step, memory, signal)
        return true
      case 'forget':
        await files.removePod(memory.pod)
        memory.gone = true
        return true
    }
  }

  /** Volumes as the pod and its ConfigMaps and Secrets want them now. */
  async prepare(memory: PodMemory, signal: AbortSignal): Promise<boolean> {
    const { env, files, events, source, facts } = this.#parts
    try {
      await within(env.clock, STEP_LIMIT_MS, 'preparing volumes', signal, () =>
        files.prepare(memory.pod, source, facts(memory.sandbox?.ip)),
      )
    } catch (error) {
      signal.throwIfAborted()
      for (const failure of error instanceof VolumeError ? [error, ...error.others] : [new VolumeError('', messageOf(error))]) {
        const { reason, message } = failure.event()
        events.record(memory.pod, 'Warning', reason, message)
      }
      if (!memory.prepared) memory.addProblem('', 'FailedMount', messageOf(error), env.clock.monotonicMs())
      return false
    }
    memory.prepared = true
    memory.problems.delete('')
    return true
  }

  async #runSandbox(memory: PodMemory, signal: AbortSignal): Promise<boolean> {
    const { env, runtime, events, logFolder, hostname, policy } = this.#parts
    try {
      await within(env.clock, STEP_LIMIT_MS, 'running the sandbox', signal, (until) =>
        runtime.runSandbox(sandboxConfig(memory.pod, logFolder, hostname(), undefined, policy?.pidsLimit), until),
      )
    } catch (error) {
      signal.throwIfAborted()
      events.record(memory.pod, 'Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${messageOf(error)}`)
      memory.addProblem('', 'CreatePodSandboxError', messageOf(error), env.clock.monotonicMs())
      return false
    }
    memory.problems.delete('')
    return true
  }

  async #createAndStart(step: Extract<Step, { type: 'create-and-start' }>, memory: PodMemory, signal: AbortSignal): Promise<boolean> {
    const { env, runtime, events, pulls } = this.#parts
    const { container } = step
    let id: string
    try {
      id = await within(env.clock, STEP_LIMIT_MS, 'creating the container', signal, async (until) =>
        runtime.createContainer(step.sandboxId, await this.#config(step, memory, until), until),
      )
    } catch (error) {
      signal.throwIfAborted()
      const message = messageOf(error)
      events.record(memory.pod, 'Warning', 'Failed', `Error: ${message}`, container)
      memory.addProblem(
        container.name,
        error instanceof RuntimeError ? error.reason : 'CreateContainerError',
        message,
        env.clock.monotonicMs(),
      )
      pulls.forget(memory.pod.metadata.uid, container.name)
      return false
    }
    events.record(memory.pod, 'Normal', 'Created', `Created container: ${container.name}`, container)
    memory.problems.delete(container.name)
    pulls.forget(memory.pod.metadata.uid, container.name)
    if (step.endedAtMs !== undefined)
      memory.backoffs.set(container.name, nextBackoff(memory.backoffs.get(container.name), step.endedAtMs, env.clock.monotonicMs()))
    return this.#start(memory, container, id, signal)
  }

  async #config(
    { container, attempt, imageId, processesOf }: Extract<Step, { type: 'create-and-start' }>,
    memory: PodMemory,
    signal: AbortSignal,
  ) {
    const { runtime, files, source, facts, nodeMemoryBytes, logFolder, events, policy } = this.#parts
    const { pod } = memory
    const image = await runtime.imageStatus(imageId)
    if (!image) throw new RuntimeError('CreateContainerError', `image ${container.image} is gone again`)
    const podFacts = facts(memory.sandbox?.ip)
    const warn: Warn = (reason, message) => events.record(pod, 'Warning', reason, message)
    const env = makeEnvironment(pod, container, source, podFacts, { warn, files: await files.environmentFiles(pod, container) })
    const mounts = await files.containerMounts(pod, container, attempt, env, podFacts, warn)
    const devices = await files.containerDevices(pod, container)
    const granted = policy?.devices && (await grantDevices(policy.devices, pod, container, signal))
    const config = containerConfig({
      pod,
      container,
      attempt,
      image,
      env,
      mounts,
      devices,
      ...(granted && { granted }),
      ...(policy?.security && { security: policy.security }),
      logRoot: logFolder,
      nodeMemoryBytes: nodeMemoryBytes(),
    })
    if ((config.security.user ?? 0) !== 0)
      for (const path of granted?.closedPaths ?? [])
        warn('DeviceNotAccessible', `Only root can open ${path}: give it a group with a rule of udev`)
    return {
      ...config,
      annotations: { ...config.annotations, [RESOURCES_ANNOTATION]: JSON.stringify(config.resources) },
      ...(container.lifecycle?.stopSignal && { stopSignal: container.lifecycle.stopSignal }),
      ...(processesOf !== undefined && { processesOf }),
    }
  }

  async #start(memory: PodMemory, container: Container, id: string, signal: AbortSignal): Promise<boolean> {
    const { env, runtime, events } = this.#parts
    try {
      await within(env.clock, STEP_LIMIT_MS, 'starting the container', signal, () => runtime.startContainer(id))
    } catch (error) {
      signal.throwIfAborted()
      const nowMs = env.clock.monotonicMs()
      memory.failedStarts.set(id, { reason: 'RunContainerError', message: messageOf(error), retryAtMs: nowMs })
      memory.endSeenAtMs.set(id, nowMs)
      events.record(memory.pod, 'Warning', 'Failed', `Error: ${messageOf(error)}`, container)
      return false
    }
    events.record(memory.pod, 'Normal', 'Started', `Started container ${container.name}`, container)
    return true
  }

  /** Its newest attempt is what people may want to look at; what is older goes. */
  async #beginAnew(state: ContainerState, memory: PodMemory): Promise<void> {
    const { files, env } = this.#parts
    const known = memory.history.get(state.name)
    const isNewest = known === undefined || state.attempt > known.attempt
    const older = isNewest ? known : state
    if (older && older.id !== state.id) await files.removeAttempt(memory.pod, older)
    if (!isNewest) return
    memory.history.set(state.name, { ...state, state: 'exited' })
    memory.begunAnew.add(state.name)
    const container = containerNamed(memory.pod, state.name)
    const nowMs = env.clock.monotonicMs()
    if (container && ruleFor(container, endCode(memory, state)))
      memory.backoffs.set(state.name, nextBackoff(memory.backoffs.get(state.name), memory.endSeenAtMs.get(state.id) ?? nowMs, nowMs))
  }

  async #resize(step: ResizeStep, memory: PodMemory, signal: AbortSignal): Promise<boolean> {
    const { env, runtime, resizes } = this.#parts
    const name = resizeProblem(step.type === 'update-container' ? step.container.name : '')
    try {
      await within(env.clock, STEP_LIMIT_MS, 'changing resources', signal, () =>
        step.type === 'update-container'
          ? runtime.updateContainer(step.state.id, step.change)
          : runtime.updateSandbox(step.sandbox.id, step.resources),
      )
    } catch (error) {
      signal.throwIfAborted()
      memory.addProblem(name, 'ResizeError', messageOf(error), env.clock.monotonicMs())
      resizes.failed(memory, messageOf(error))
      return false
    }
    memory.problems.delete(name)
    if (step.type === 'update-sandbox') memory.podGiven = step.resources
    else {
      const wanted = containerResources(step.container)
      memory.given.set(step.state.id, withPart(givenTo(memory.given, step.state, wanted), wanted, step.resource))
    }
    return true
  }

  async #removeSandbox(
    { sandbox, changed }: Extract<Step, { type: 'remove-sandbox' }>,
    memory: PodMemory,
    signal: AbortSignal,
  ): Promise<void> {
    const { env, runtime, files, events } = this.#parts
    if (changed) {
      events.record(memory.pod, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.')
      memory.keepHistory(sandbox)
      for (const name of new Set(sandbox.containers.map((container) => container.name)))
        for (const old of attemptsOf(sandbox, name).slice(1)) await files.removeAttempt(memory.pod, old)
    }
    await within(env.clock, STEP_LIMIT_MS, 'removing the sandbox', signal, () => runtime.removeSandbox(sandbox.id))
  }
}
