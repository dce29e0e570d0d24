/* oxlint-disable no-unused-vars -- the page that this is built into calls it */
/**
 * One letter: its error, its message to edit, its stack.
 *
 * @param events `closed()`; `changed()` it was saved; `replay(id)`, `discard(id)` the user asks for it
 */
function citystreamLetterPanel(desk, parent, events) {
  var SHOWN = 10000;
  var open = null;
  var saved = "";
  var panel = $("<div>")
    .attr("data-part", "letter")
    .css({ flex: "0 0 56%", "min-height": "220px", overflow: "auto", "margin-top": "8px" })
    .hide()
    .appendTo(parent);
  var top = $("<div>").css({ display: "flex", gap: "6px", "align-items": "flex-start" }).appendTo(panel);
  var error = $("<h4>")
    .css({ flex: "1 1 0", margin: "0 0 4px", "white-space": "pre-wrap", "overflow-wrap": "anywhere" })
    .css({ "max-height": "6em", overflow: "auto" })
    .appendTo(top);
  desk
    .button("closeLetter", "fa-times")
    .on("click", function () {
      ifSaved(close);
    })
    .appendTo(top);
  var about = $("<p>").css("margin", "0 0 4px").appendTo(panel);
  var actions = $("<div>").css({ display: "flex", gap: "6px", "flex-wrap": "wrap", margin: "4px 0" });
  var bytes = part("bytes", "bytesAsText");
  $("<label>").text(desk.word("message")).appendTo(panel);
  $('<div class="node-text-editor" id="citystream-letter-message">')
    .css({ height: "200px", "min-height": "120px" })
    .appendTo(panel);
  actions.appendTo(panel);
  var stack = part("stack", "stack");
  // One for all letters: an editor that goes while its worker is busy complains.
  var editor = RED.editor.createEditor({ id: "citystream-letter-message", mode: "ace/mode/json", value: "" });
  var save = desk.button("save", "fa-floppy-o").on("click", store).appendTo(actions);
  var revert = desk
    .button("revert", "fa-undo")
    .on("click", function () {
      editor.setValue(saved);
      edited();
    })
    .appendTo(actions);
  desk
    .button("replay", "fa-repeat", "replay-one")
    .on("click", function () {
      ifSaved(function () {
        events.replay(open);
      });
    })
    .appendTo(actions);
  desk
    .button("discard", "fa-trash-o", "discard-one")
    .on("click", function () {
      events.discard(open);
    })
    .appendTo(actions);
  editor.getSession().on("change", edited);

  function part(name, key) {
    return $("<details>")
      .attr("data-part", name)
      .append($("<summary>").text(desk.word(key)))
      .append($("<pre>").css({ "white-space": "pre-wrap", "overflow-wrap": "anywhere" }))
      .appendTo(panel);
  }
  function fill(element, text) {
    element
      .toggle(text !== "")
      .find("pre")
      .text(text.slice(0, SHOWN));
  }
  function isChanged() {
    return open !== null && editor.getValue() !== saved;
  }
  function edited() {
    save.add(revert).prop("disabled", !isChanged());
  }
  /** Does something that would drop what was typed only when nothing was. */
  function ifSaved(act) {
    if (isChanged()) {
      desk.say(desk.word("unsaved"), "warning");
    } else {
      act();
    }
  }
  /** The payload's bytes as text, where they are text. */
  function textIn(message) {
    var payload = message.payload;
    if (!payload || typeof payload.$base64 !== "string" || Object.keys(payload).length !== 1) {
      return "";
    }
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(
        Uint8Array.from(atob(payload.$base64), function (one) {
          return one.charCodeAt(0);
        }),
      );
    } catch {
      return "";
    }
  }
  function close() {
    open = null;
    saved = "";
    editor.setValue("");
    panel.hide();
    events.closed();
  }
  function store() {
    var value = editor.getValue();
    var message;
    try {
      message = JSON.parse(value);
    } catch (problem) {
      desk.say(desk.form("notJson") + ": " + problem.message, "error");
      return;
    }
    desk.ask("PUT", "/" + encodeURIComponent(open), { message: message }).done(function () {
      saved = value;
      edited();
      desk.say(desk.word("saved"));
      events.changed();
    });
  }

  return {
    show: function (id, done) {
      ifSaved(function () {
        desk
          .get("/" + encodeURIComponent(id))
          .done(function (letter) {
            open = id;
            var where = letter.node ? desk.nodeOf(letter) + " (" + letter.node.id + ")" : "";
            error.text(letter.error.name + ": " + desk.reason(letter.error.message));
            about.text(
              [new Date(letter.time).toLocaleString(), where, desk.word("attempts") + " " + letter.attempts]
                .filter(Boolean)
                .join(" · "),
            );
            fill(bytes, textIn(letter.message));
            bytes.prop("open", true);
            fill(stack, letter.error.stack || "");
            panel.show().scrollTop(0);
            saved = JSON.stringify(letter.message, null, 2);
            editor.setValue(saved);
            if (editor.resize) {
              editor.resize();
            }
            edited();
            done();
          })
          .fail(function (request) {
            desk.say(desk.whyNot(request), "error");
          });
      });
    },
    ifSaved: ifSaved,
    isChanged: isChanged,
    close: close,
    destroy: function () {
      editor.destroy();
    },
  };
}
