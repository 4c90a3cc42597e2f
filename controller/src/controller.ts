import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Command, CommandReply, PolicyDocument } from "@skein/node-agent/api";
import type { PolicySigner } from "@skein/node-agent/policy-key";
import type { Browser } from "./api/browser.ts";
import { BrowserHub } from "./api/browser-hub.ts";
import type { ValidCommand } from "./api/command-schema.ts";
import { Counters } from "./api/counters.ts";
import { createHttpServer } from "./api/http-server.ts";
import type { ConsoleServerMessage } from "./api/messages.ts";
import { loadStaticFiles } from "./api/static-files.ts";
import { type ControllerConfig, splitHostPort } from "./config/controller-config.ts";
import { AgentLink } from "./fleet/agent-link.ts";
import type { AgentMessage } from "./fleet/agent-status.ts";
import { emptyFleet, type FleetInput, pictureOf, reduceFleet, tracksOf } from "./fleet/fleet.ts";
import { PendingCommands } from "./fleet/pending-commands.ts";
import type { Picture } from "./fleet/picture.ts";
import { PolicyPublisher } from "./policy/policy-publisher.ts";
import { type PolicyView, policyView } from "./policy/policy-view.ts";

const PICTURE_INTERVAL_MS = 1000;
/** The agent takes no more groups than this for one listener. */
const MAX_LISTENING = 16;
const CONSOLE_FOLDER = fileURLToPath(new URL("../dist/console", import.meta.url));

/** The running controller: one agent connection, one fleet state, any number of browsers. */
export class Controller {
  readonly #config: ControllerConfig;
  readonly #counters = new Counters();
  readonly #http: Server;
  readonly #hub: BrowserHub;
  readonly #link: AgentLink;
  readonly #pending: PendingCommands;
  readonly #policy: PolicyPublisher;
  #fleet = emptyFleet();
  /** The browser whose push-to-talk key is down, and its group. */
  #talking: { browser: Browser; group: number } | undefined;
  /** Groups whose sound the agent was last asked for on this connection. */
  #listening = "";
  #timer: NodeJS.Timeout | undefined;

  /** `signer`: of the policies that it publishes. */
  constructor(config: ControllerConfig, signer?: PolicySigner) {
    this.#config = config;
    const files = loadStaticFiles(CONSOLE_FOLDER);
    this.#http = createHttpServer({
      config,
      files,
      counters: this.#counters,
      picture: () => this.#picture(),
      policy: () => this.#policyView(),
      publish: (document) => this.#publishPolicy(document),
    });
    this.#hub = new BrowserHub(this.#http, {
      configuredHost: splitHostPort(config.listen).host,
      counters: this.#counters,
      greet: () => this.#greeting(),
      command: (browser, command) => this.#command(browser, command),
      microphone: (browser, octets) => this.#microphone(browser, octets),
      gone: (browser) => this.#gone(browser),
    });
    this.#link = new AgentLink(config.agent, {
      onMessage: (message) => this.#fromAgent(message),
      onPcm: (octets) => this.#toListeners(octets),
      onConnected: (connected) => this.#agentConnected(connected),
      onRubbish: () => this.#counters.count("agentRubbish"),
    });
    this.#pending = new PendingCommands((text) => this.#link.send(text));
    this.#policy = new PolicyPublisher(signer, (command) => this.#pending.submit(command));
  }

  /**
   * Starts to serve. @returns the console's address.
   * @throws the socket's error if the address cannot be had (EADDRINUSE, EACCES).
   */
  async start(): Promise<string> {
    const { host, port } = splitHostPort(this.#config.listen);
    await new Promise<void>((done, fail) => {
      this.#http.once("error", fail);
      this.#http.listen(port, host, () => {
        this.#http.off("error", fail);
        done();
      });
    });
    const broadcast = (): void => this.#hub.broadcast({ type: "picture", picture: this.#picture() });
    this.#timer = setInterval(broadcast, PICTURE_INTERVAL_MS);
    const bound = (this.#http.address() as AddressInfo).port;
    return `http://${host.includes(":") ? `[${host}]` : host}:${bound}/`;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#link.close();
    this.#pending.failAll();
    this.#hub.close();
    this.#http.closeAllConnections();
    await new Promise<void>((done) => this.#http.close(() => done()));
  }

  #greeting(): ConsoleServerMessage[] {
    const { language } = this.#config;
    this.#updateListening();
    return [
      { type: "welcome", language, tracks: tracksOf(this.#fleet), events: [...this.#fleet.events] },
      { type: "picture", picture: this.#picture() },
      { type: "paths", paths: this.#fleet.paths },
    ];
  }

  #picture(): Picture {
    return pictureOf(this.#fleet, Date.now(), this.#config.lab !== undefined, this.#counters.values);
  }

  /** The next fleet state; events that it brought go out at once. */
  #apply(input: FleetInput): void {
    const before = this.#fleet.nextSequence;
    this.#fleet = reduceFleet(this.#fleet, input);
    for (const event of this.#fleet.events) if (event.sequence >= before) this.#hub.broadcast({ type: "event", event });
  }

  #fromAgent(message: AgentMessage): void {
    const nowMs = Date.now();
    if (message.type === "reply") {
      if (!this.#pending.resolve(message.id, message.reply as CommandReply)) this.#counters.count("lateReply");
    } else if (message.type === "event") {
      this.#apply({ type: "event", event: message.event, nowMs });
    } else if (message.type === "paths") {
      this.#apply({ type: "paths", paths: message.paths });
      this.#hub.broadcast({ type: "paths", paths: message.paths });
    } else {
      const first = this.#fleet.status === null;
      this.#apply({ type: "status", status: message.status, nowMs });
      this.#updateListening();
      if (first) this.#hub.broadcast({ type: "picture", picture: this.#picture() });
    }
  }

  #agentConnected(connected: boolean): void {
    this.#apply({ type: "agent", connected, nowMs: Date.now() });
    // The agent remembers nothing of an earlier connection; its first status brings the groups to ask for.
    this.#listening = "";
    if (connected) return;
    this.#pending.failAll();
    this.#talking = undefined;
    this.#hub.broadcast({ type: "picture", picture: this.#picture() });
  }

  async #command(browser: Browser, command: ValidCommand): Promise<CommandReply> {
    switch (command.do) {
      case "ptt":
        return this.#pushToTalk(browser, command.on, command.group);
      case "listen":
        browser.listening = new Set(command.groups);
        this.#updateListening();
        return { ok: true };
      case "policy":
        return this.#publishPolicy(command.document);
      default:
        return this.#pending.submit(command);
    }
  }

  async #publishPolicy(document: PolicyDocument): Promise<CommandReply> {
    const reply = await this.#policy.publish(document, this.#fleet.status);
    if (reply.ok) {
      const { version } = reply.result as { version: number };
      this.#apply({ type: "note", level: "info", text: `policy ${version} published`, nowMs: Date.now() });
    }
    return reply;
  }

  #policyView(): PolicyView | undefined {
    const { status } = this.#fleet;
    return status === null ? undefined : policyView(status, this.#policy.key);
  }

  async #pushToTalk(browser: Browser, on: boolean, group: number): Promise<CommandReply> {
    const holder = this.#talking;
    if (holder !== undefined && holder.browser !== browser) {
      // Releasing a key that one does not hold is no error: the other console goes on.
      if (!on) return { ok: true };
      return { ok: false, code: "floor-taken", message: "another console of this controller is talking" };
    }
    this.#talking = on ? { browser, group } : undefined;
    const command: Command = { do: "ptt", on, group };
    const reply = await this.#pending.submit(command);
    if (on && !reply.ok && this.#talking?.browser === browser) this.#talking = undefined;
    return reply;
  }

  #microphone(browser: Browser, octets: Buffer): void {
    const holds = this.#talking?.browser === browser && this.#talking.group === octets[1];
    if (!holds || !this.#link.send(octets)) this.#counters.count("pcmWithoutFloor");
  }

  #toListeners(octets: Buffer): void {
    const group = octets[1] ?? 0;
    for (const browser of this.#hub.browsers) {
      if (browser.wantsGroup(group) && !browser.send(octets)) this.#counters.count("slowBrowser");
    }
  }

  #gone(browser: Browser): void {
    // A closed page must not leave the key pressed for everyone.
    if (this.#talking?.browser === browser) {
      void this.#pending.submit({ do: "ptt", on: false, group: this.#talking.group });
      this.#talking = undefined;
    }
    this.#updateListening();
  }

  /** Asks the agent for the sound of what any console wants; consoles that named nothing want all of its groups. */
  #updateListening(): void {
    const own = this.#fleet.status?.voice.groups;
    if (own === undefined || !this.#link.connected) return;
    const wanted = new Set<number>();
    for (const browser of this.#hub.browsers) for (const group of browser.listening ?? own) wanted.add(group);
    const groups = [...wanted].sort((a, b) => a - b).slice(0, MAX_LISTENING);
    if (groups.join() === this.#listening) return;
    this.#listening = groups.join();
    void this.#pending.submit({ do: "listen", groups });
  }
}
