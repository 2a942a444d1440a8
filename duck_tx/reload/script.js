// Refreshes this page when the server says that something has changed. Added by `twistd duck --reload`.
(() => {
  "use strict";
  const script = document.currentScript;
  if (window.duckReload || !script || !window.EventSource) return;
  window.duckReload = true;

  const url = new URL("events", script.src).href;
  let stamp = script.dataset.stamp;
  let source = null;
  let later = 0;

  function refresh(wanted) {
    // A page that some cache keeps giving would be loaded for ever.
    const key = `duck ${location.href}`;
    try {
      if (sessionStorage.getItem(key) === wanted) return;
      sessionStorage.setItem(key, wanted);
    } catch { /* no storage, no such cache */ }
    disconnect();
    location.reload();
  }

  function swap(name) {
    const links = [...document.querySelectorAll('link[rel~="stylesheet"][href]')]
      .filter((link) => !link.dataset.duckOld && new URL(link.href).origin === location.origin);
    const named = links.filter((link) => decodeURIComponent(new URL(link.href).pathname).endsWith(`/${name}`));
    // A sheet that no page names may be imported by any of them.
    for (const old of named.length ? named : links) {
      const link = old.cloneNode();
      const fresh = new URL(old.href);
      fresh.searchParams.set("duck", stamp);
      link.href = fresh.href;
      old.dataset.duckOld = "1";
      // The old one stays until the new one is there, so that nobody sees a page without styles.
      link.onload = link.onerror = () => old.remove();
      old.after(link);
    }
  }

  function connect() {
    if (source || document.hidden) return;
    source = new EventSource(url);
    source.addEventListener("hello", (event) => {
      const said = JSON.parse(event.data);
      if (said.stamp !== stamp) refresh(said.stamp);
    });
    source.addEventListener("page", (event) => refresh(JSON.parse(event.data).stamp));
    source.addEventListener("style", (event) => {
      const said = JSON.parse(event.data);
      stamp = said.stamp;
      swap(said.name);
    });
    source.onerror = () => {
      if (source && source.readyState === EventSource.CLOSED) {
        disconnect();
        later = setTimeout(connect, 500);
      }
    };
  }

  function disconnect() {
    clearTimeout(later);
    if (source) source.close();
    source = null;
  }

  // A browser has six connections for a host; a page that nobody sees needs none of them.
  document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
  window.addEventListener("pagehide", disconnect);
  window.addEventListener("pageshow", connect);
  connect();
})();
