import type { ComponentChildren } from "preact";

/** A titled box; `aside` stands at the right of the title. */
export function Panel(props: { title: string; name: string; aside?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class={`panel panel-${props.name}`} data-testid={`panel-${props.name}`}>
      <header class="panel-head">
        <h2>{props.title}</h2>
        {props.aside !== undefined && <div class="panel-aside">{props.aside}</div>}
      </header>
      {props.children}
    </section>
  );
}
