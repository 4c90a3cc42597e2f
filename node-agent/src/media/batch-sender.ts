/** Batches handed to the channel and not yet taken by the other process; beyond it the newest is dropped. */
const MAX_OUTSTANDING = 64;

/** How a batch goes out; `done` is called when the channel took it or failed. */
export type SendBatch<Message> = (batch: Message[], done: () => void) => void;

/** Sends arrays of messages over an IPC channel that may stall, without letting the backlog grow. */
export class BatchSender<Message> {
  private readonly sendBatch: SendBatch<Message>;
  private outstanding = 0;
  private whenIdle: (() => void) | undefined;
  dropped = 0;

  constructor(sendBatch: SendBatch<Message>) {
    this.sendBatch = sendBatch;
  }

  send(batch: Message[]): void {
    if (this.outstanding >= MAX_OUTSTANDING) {
      this.dropped += batch.length;
      return;
    }
    this.outstanding++;
    this.sendBatch(batch, () => {
      this.outstanding--;
      if (this.outstanding === 0) this.whenIdle?.();
    });
  }

  /** Calls back as soon as the channel has taken everything. */
  end(callback: () => void): void {
    if (this.outstanding === 0) callback();
    else this.whenIdle = callback;
  }
}
