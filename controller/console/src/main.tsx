import { render } from "preact";
import "maplibre-gl/dist/maplibre-gl.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/panels.css";
import "./styles/dock.css";
import "./styles/talk.css";
import "./styles/map.css";
import "./styles/paths.css";
import { PageAudio } from "./audio/page-audio.ts";
import { App } from "./components/app.tsx";
import { Session } from "./state/session.ts";

const session = new Session();
const audio = new PageAudio();
session.start();
render(<App session={session} audio={audio} />, document.getElementById("app")!);
