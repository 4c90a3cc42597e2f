import type { ServerResponse } from "node:http";

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(value));
}

/** A refusal for people and programs: a stable code and one sentence. */
export function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  sendJson(response, status, { ok: false, code, message });
}
