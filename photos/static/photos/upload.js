// The life of one chosen photo: looked at, sent until it has arrived, then a photo of the page or a field of its form.

import { Refused, SignedOut } from "./errors.js";
import { inTurn, pause } from "./patience.js";
import { read } from "./reading.js";
import { Delivery } from "./sending.js";
import { signIn } from "./session.js";
import { Tile } from "./tile.js";

const BROKEN = "Не получилось. Уберите фото и выберите его ещё раз.";

// Tells of itself by the event "change"; `state` is "under way", "accepted", "attached", "refused" or "dropped".
export class Upload extends EventTarget {
  state = "under way";
  news = "";
  answer = null; // what the server said of the photo that arrived
  #delivery = null;
  #stop = new AbortController();
  #wake = new EventTarget();
  #asksToSignIn = true;

  // `place`: what the photo is for, as the page says it in data attributes.
  constructor(file, place, template) {
    super();
    this.name = file.name;
    this.tile = new Tile(template, file.name, { again: () => this.#again(), drop: () => this.drop() });
    this.over = this.#run(file, place);
  }

  get isUnderWay() {
    return this.state === "under way";
  }

  drop() {
    this.#become("dropped", `${this.name}: убрано`);
    this.#stop.abort();
    this.#delivery?.forget();
  }

  async #run(file, place) {
    this.tile.say("Готовим…");
    try {
      const photo = await read(file, place.worker, (preview) => this.tile.show(preview));
      this.#delivery = new Delivery(place.uploads, fieldsOf(place), photo);
      this.answer = await this.#deliver(place.uploads);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#fail(error);
      return;
    }
    this.tile.say("Отправлено");
    this.tile.enclose(this.answer.id);
    this.#become(this.answer.attached ? "attached" : "accepted", `${this.name}: отправлено`);
  }

  #fail(error) {
    const words = error instanceof Refused ? error.message : BROKEN;
    this.tile.say(words, { failed: true });
    this.#become("refused", `${this.name}: ${words}`);
    if (!(error instanceof Refused)) throw error;
  }

  // Tries until it succeeds or is refused for good.
  async #deliver(address) {
    const signal = this.#stop.signal;
    for (let tries = 0; ; tries += 1) {
      try {
        return await inTurn(() => this.#delivery.attempt(signal, (share) => this.#progress(share)));
      } catch (error) {
        if (signal.aborted || error instanceof Refused || !("seconds" in error)) throw error;
        const why = await this.#signedIn(error, address);
        if (why) this.#wait(why.message);
        await pause(tries, why?.seconds ?? 0, { signal, wake: this.#wake });
      }
    }
  }

  // Null when the person signed in; otherwise why the photo has to wait.
  async #signedIn(error, address) {
    if (!(error instanceof SignedOut) || !this.#asksToSignIn) return error;
    this.tile.say(error.message, { failed: true });
    try {
      await signIn(address);
      return null;
    } catch (refusal) {
      this.#asksToSignIn = false; // once is enough, until the person wants it
      return refusal;
    }
  }

  #wait(why) {
    this.tile.say(why, { canRetry: true, failed: true });
    this.#become("under way", `${this.name}: ${why}`);
  }

  #progress(share) {
    this.tile.say(share < 1 ? `Отправлено ${Math.round(share * 100)} %` : "Проверяем…", { share });
  }

  #again() {
    this.#asksToSignIn = true;
    this.#wake.dispatchEvent(new Event("again"));
  }

  #become(state, news) {
    Object.assign(this, { state, news });
    this.dispatchEvent(new Event("change"));
  }
}

function fieldsOf({ purpose, device }) {
  return device ? { purpose, device } : { purpose };
}
