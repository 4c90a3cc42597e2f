import type { LoadedConfig } from "../config/load.ts";
import { type RunningAgent, startAgent } from "./agent.ts";
import type { Log } from "./log.ts";

/**
 * Starts an agent that outlives its address: when it has had to take another one, it starts again in this process, under
 * the next boot epoch and on the same port of the local API.
 * @throws SkeinError as `startAgent` does; a later start that fails is an error that nobody handles, and ends the process.
 */
export async function startLastingAgent(loaded: LoadedConfig, log: Log): Promise<RunningAgent> {
  const agent = new LastingAgent(loaded, log);
  await agent.start();
  return agent;
}

class LastingAgent implements RunningAgent {
  #loaded: LoadedConfig;
  readonly #log: Log;
  #agent: RunningAgent | undefined;
  #again: Promise<void> | undefined;
  #isStopped = false;

  constructor(loaded: LoadedConfig, log: Log) {
    this.#loaded = loaded;
    this.#log = log;
  }

  get api(): string {
    return this.#agent?.api ?? "";
  }

  get address(): number {
    return this.#agent?.address ?? this.#loaded.address;
  }

  get bootEpoch(): number {
    return this.#agent?.bootEpoch ?? 0;
  }

  async start(): Promise<void> {
    this.#agent = await startAgent(this.#loaded, this.#log, () => {
      this.#again = this.#startAgain();
    });
  }

  async #startAgain(): Promise<void> {
    const { config } = this.#loaded;
    // Whoever has found a free port keeps it: people have the page open.
    this.#loaded = { ...this.#loaded, config: { ...config, api: { ...config.api, listen: this.api } } };
    await this.#agent?.stop();
    if (!this.#isStopped) await this.start();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#again;
    await this.#agent?.stop();
  }
}
