// Search in a page opened from a folder: browsers start no worker there, so that a hidden frame
// runs the worker's script. Elsewhere the browser's own workers are used.
if (location.protocol === "file:") {
  window.IFrameWorker = class extends EventTarget {
    constructor(address) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inside = frame.contentWindow;
      this.send = null;
      this.waiting = [];
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      inside.importScripts = (...sources) =>
        sources.reduce((before, source) => before.then(() => load(source)), Promise.resolve());
      const load = (source) =>
        new Promise((done, failed) => {
          const script = inside.document.createElement("script");
          script.src = source;
          script.onload = done;
          script.onerror = failed;
          inside.document.head.append(script);
        });
      load(address.toString()).then(() => {
        this.send = (data) => inside.dispatchEvent(new inside.MessageEvent("message", { data }));
        this.waiting.splice(0).forEach(this.send);
      });
    }

    postMessage(data) {
      if (this.send) setTimeout(() => this.send(data));
      else this.waiting.push(data);
    }
  };
  window.Worker = window.IFrameWorker;
}
