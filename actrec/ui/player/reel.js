// The hidden video, asked for frames by number. Frame i is on screen from i / fps to (i + 1) / fps; its middle is the safe place to seek to.
import { clamp } from './numbers.js';

export class Reel {
  // shown(): a new picture is there to be taken.
  constructor(video, shown, trouble) {
    Object.assign(this, { video, shown, trouble, frame: -1, announced: -1, asked: null, wish: null, fps: 25, frames: 0, turn: 0, here: 0 });
    this.whole = () => [0, this.frames];
    video.addEventListener('seeked', () => this.arrived());
    video.addEventListener('loadeddata', () => this.arrived());
    video.addEventListener('ended', () => this.again());
    video.addEventListener('error', () => this.src && trouble('The browser cannot play this clip.'));
    this.wait();
  }

  // Bring a clip in whole, so that scrubbing asks no server; a very long one is streamed. The first picture is `start`.
  async load(url, fps, frames, start) {
    const turn = ++this.turn;
    this.pause();
    Object.assign(this, { fps, frames, frame: -1, announced: -1, asked: null, wish: null });
    let src = url;
    try {
      const answer = await fetch(url);
      if (!answer.ok) throw new Error(`${answer.status}`);
      if (+answer.headers.get('content-length') < 256e6) src = URL.createObjectURL(await answer.blob());
      else answer.body.cancel();
    } catch (error) {
      if (turn === this.turn) this.trouble(`The clip did not arrive (${error.message}). Reload the page to try again.`);
      return;
    }
    if (turn !== this.turn) return this.release(src);
    this.release(this.src);
    this.src = this.video.src = src;
    this.here = turn;
    this.video.playbackRate = this.video.defaultPlaybackRate;
    this.seek(start);
  }

  release(src) {
    if (src?.startsWith('blob:')) URL.revokeObjectURL(src);
  }

  close() {
    this.turn++;
    this.closed = true;
    this.pause();
    this.video.removeAttribute('src');
    this.release(this.src);
  }

  get playing() {
    return !this.video.paused && !this.video.ended;
  }

  get busy() {
    return this.asked !== null;
  }

  // Show frame i. While one seek is under way only the latest wish is kept, so that scrubbing keeps up with the hand.
  seek(i) {
    if (!this.frames) return;
    this.wish = clamp(Math.round(i), 0, this.frames - 1);
    if (!this.busy) this.go();
  }

  go() {
    const i = this.wish;
    this.wish = null;
    if (i === null || (i === this.frame && this.video.paused)) return;
    this.asked = i;
    this.video.currentTime = (i + 0.5) / this.fps;
  }

  // The picture to draw and the number of its frame. A VideoFrame knows the time of its own pixels; the video element itself may already
  // have moved on (or not yet) when it is drawn. Browsers give VideoFrames to secure pages only (https, localhost); elsewhere the time last
  // announced has to do. Whoever takes a picture must release() it.
  take() {
    const { video, frames } = this;
    let image = video, frame = this.announced;
    try {
      image = new globalThis.VideoFrame(video);
      frame = this.frameOf(image.timestamp / 1e6);
    } catch {
      // not a secure page, or no picture yet
    }
    this.frame = clamp(frame, 0, frames - 1);
    return { image, frame: this.frame, release: () => image !== video && image.close() };
  }

  frameOf(seconds) {
    return Math.round(seconds * this.fps);
  }

  // Called by the browser for every picture put up, with the time of that very picture.
  wait() {
    if (!this.video.requestVideoFrameCallback) {
      this.video.addEventListener('timeupdate', () => this.put(Math.floor(this.video.currentTime * this.fps + 1e-3)));
      return;
    }
    const next = (_, picture) => {
      if (this.closed) return;
      this.put(this.frameOf(picture.mediaTime));
      this.video.requestVideoFrameCallback(next);
    };
    this.video.requestVideoFrameCallback(next);
  }

  put(frame) {
    if (this.here !== this.turn) return; // a last picture of the clip before
    this.announced = frame;
    this.shown();
    if (frame === this.asked) this.done(frame);
    this.around();
  }

  // The seek is over as far as the video is concerned. If no picture was announced (it was up already), take it as it is.
  arrived() {
    const asked = this.asked;
    if (asked === null) return;
    clearTimeout(this.late);
    this.late = setTimeout(() => {
      if (this.asked === asked && !this.video.seeking) this.put(Math.floor(this.video.currentTime * this.fps + 1e-3));
      if (this.asked === asked) this.done(asked);
    }, 150);
  }

  // The frame asked for was announced. Its pixels may follow a moment later: look again until they are there.
  done(frame, tries = 10) {
    clearTimeout(this.late);
    if (this.frame !== frame && this.wish === null && tries) {
      globalThis.requestAnimationFrame(() => {
        if (this.asked !== frame || this.closed) return;
        this.shown();
        this.done(frame, tries - 1);
      });
      return;
    }
    this.asked = null;
    if (this.wish !== null) this.go();
  }

  play() {
    const [first, end] = this.whole();
    if (this.frame >= this.frames - 1 || (this.loop && (this.frame >= end - 1 || this.frame < first))) {
      this.asked = null;
      this.video.currentTime = (first + 0.5) / this.fps;
    }
    this.video.play().catch(() => {}); // a new source or a pause may overtake it
  }

  pause() {
    this.video.pause();
  }

  // Keep a loop inside its part of the clip.
  around() {
    const [first, end] = this.whole();
    if (this.loop && this.playing && !this.busy && this.frame >= end - 1 && end < this.frames) this.video.currentTime = (first + 0.5) / this.fps;
  }

  again() {
    if (!this.loop) return;
    this.video.currentTime = (this.whole()[0] + 0.5) / this.fps;
    this.video.play().catch(() => {});
  }
}
