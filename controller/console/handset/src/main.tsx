import { render } from "preact";
import "./handset.css";
import { PageAudio } from "../../src/audio/page-audio.ts";
import { AgentClient } from "./agent-client.ts";
import { Handset } from "./handset.tsx";

const client = new AgentClient();
const audio = new PageAudio();
client.onPcm = (talker, samples) => audio.player.play(talker, samples);
audio.unlockOnFirstTouch(() => {});
client.start();
render(<Handset client={client} audio={audio} />, document.getElementById("app")!);
