import type { Command, CommandReply } from "../api/types.ts";
import type { PolicyService } from "../services/policy-service.ts";
import type { SosService } from "../services/sos-service.ts";
import type { TextService } from "../services/text-service.ts";
import type { VideoService } from "../services/video-service.ts";
import type { VoiceService } from "../services/voice-service.ts";
import { errorCode, errorMessage, SkeinError } from "./skein-error.ts";

/** What commands act on. */
export interface CommandTargets {
  readonly texts: TextService;
  readonly sos: SosService;
  readonly voice: VoiceService;
  readonly video: VideoService;
  readonly policy: PolicyService;
}

/** Who asks; `hasSound` is false for HTTP, which cannot carry PCM back. */
export interface CommandSource {
  readonly hasSound: boolean;
}

/** Carries out one command. Never throws: what cannot be done is a reply with a stable code. */
export function runCommand(targets: CommandTargets, command: Command, source: CommandSource): CommandReply {
  try {
    const result = dispatch(targets, command, source);
    return result === undefined ? { ok: true } : { ok: true, result };
  } catch (error) {
    const code = errorCode(error, "internal");
    // An assertion is a mistake in this program: it must be seen, not answered.
    if (!(error instanceof SkeinError)) throw error;
    const message = error.remedy === "" ? errorMessage(error) : `${error.message}: ${error.remedy}`;
    return { ok: false, code, message };
  }
}

function dispatch(targets: CommandTargets, command: Command, source: CommandSource): unknown {
  const { texts, sos, voice, video, policy } = targets;
  switch (command.do) {
    case "text":
      return { id: texts.send(command.to, command.body) };
    case "sos":
      return { id: sos.raise(command.kind) };
    case "sos-confirm":
      return sos.confirm(command.id);
    case "ptt":
      return command.on ? voice.talkLive(command.group, source) : voice.stopTalking(source);
    case "listen":
      if (!source.hasSound) throw new SkeinError("needs-websocket", "only a WebSocket can listen", "use /api/ws");
      return voice.listen(command.groups, source);
    case "policy":
      return { version: policy.publish(command.document) };
    case "policy-signed":
      return { version: policy.publishSigned(command.version, Buffer.from(command.octets, "base64")) };
    case "talk-file":
      return voice.talkFile(command.group, command.path, source);
    case "talk-stop":
      return voice.stopTalking();
    case "video-file":
      return video.sendFile(command.to, command.path);
    case "video-to":
      return video.sendTo(command.to);
    case "video-stop":
      return video.stop();
  }
}
