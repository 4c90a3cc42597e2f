/** What a step of `npm run check` found: a few words on success, all that was said on failure. */
export interface StepResult {
  ok: boolean;
  summary: string;
  details: string;
}
