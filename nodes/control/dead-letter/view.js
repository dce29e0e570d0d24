/* oxlint-disable no-unused-vars -- the page that this is built into calls it */
/** The view of dead letters: a tray over whatever is open. Built into the node's page by tools/editor. */
function citystreamView(node, set) {
  var PAGE = 100;
  var url = "citystream/dead-letters/" + encodeURIComponent(node.id);
  var first = 0;
  var selected = {};
  var shown = [];
  var open = null;
  var editor = null;
  var saved = "";
  var timer = null;
  var asked = 0;
  var parts = {};

  function word(key, values) {
    return node._(set + ".word." + key, values || {});
  }
  function button(key, icon, name) {
    return $('<button type="button" class="red-ui-button red-ui-button-small">')
      .attr("data-action", name || key)
      .append($("<i>").addClass("fa " + icon))
      .append(" ")
      .append($("<span>").text(word(key)));
  }
  function say(text, type) {
    RED.notify($("<span>").text(text).html(), type || "success");
  }
  function failed(request) {
    var answer = request.responseJSON && request.responseJSON.error;
    if (request.status === 401 || request.status === 403) {
      answer = word("refused");
    }
    if (answer === "notDeployed") {
      answer = word("notDeployed");
    }
    parts.count
      .css("color", "var(--red-ui-text-color-error)")
      .text(answer || request.status + " " + request.statusText);
  }
  function ask(method, path, body) {
    return $.ajax({
      url: url + path,
      type: method,
      contentType: "application/json",
      data: body === undefined ? undefined : JSON.stringify(body),
    }).fail(failed);
  }
  function filter() {
    var text = parts.search.val().trim();
    return text ? { search: text } : {};
  }

  function row(letter) {
    var from = [letter.topic, letter.partition, letter.offset]
      .filter(function (part) {
        return part !== undefined;
      })
      .join(" / ");
    var line = $("<tr>")
      .attr("data-letter", letter.id)
      .css({ cursor: "pointer", opacity: letter.replaying ? 0.5 : 1 });
    if (letter.id === open) {
      line.css("background", "var(--red-ui-list-item-background-selected)");
    }
    var box = $('<input type="checkbox">')
      .attr("aria-label", letter.id)
      .css({ width: "auto", margin: 0 })
      .prop("checked", !!selected[letter.id])
      .prop("disabled", !!letter.replaying)
      .on("click", function (event) {
        event.stopPropagation();
        if (this.checked) {
          selected[letter.id] = true;
        } else {
          delete selected[letter.id];
        }
        buttons();
      });
    var cells = [
      $("<span>").text(new Date(letter.time).toLocaleString()).css("white-space", "nowrap"),
      $("<span>").text(from),
      $("<span>").text(letter.node ? letter.node.name || letter.node.type : ""),
      $("<span>").text(letter.replaying ? word("beingReplayed") : letter.cause),
      $("<span>").text(letter.attempts),
      $("<span>").text(letter.payload.slice(0, 120)).css("font-family", "var(--red-ui-monospace-font)"),
    ];
    $("<td>").append(box).appendTo(line);
    cells.forEach(function (cell) {
      $("<td>")
        .css({ "max-width": "260px", overflow: "hidden", "text-overflow": "ellipsis" })
        .attr("title", cell.text())
        .append(cell)
        .appendTo(line);
    });
    return line.on("click", function () {
      show(letter.id);
    });
  }

  function buttons() {
    var count = Object.keys(selected).length;
    parts.selected.text(count ? word("selected", { count: count }) : "");
    parts.replay.add(parts.discard).prop("disabled", count === 0);
    parts.replayAll.add(parts.discardAll).prop("disabled", shown.length === 0);
  }

  function list() {
    var mine = ++asked;
    return $.getJSON(url, $.extend({ first: first, limit: PAGE }, filter()))
      .done(function (page) {
        if (mine !== asked) {
          return;
        }
        shown = page.letters;
        var there = {};
        shown.forEach(function (letter) {
          there[letter.id] = true;
        });
        Object.keys(selected).forEach(function (id) {
          if (!there[id]) {
            delete selected[id];
          }
        });
        parts.title.text(word("title", { place: page.place }));
        parts.rows.empty().append(shown.map(row));
        parts.empty.toggle(page.size === 0);
        parts.count
          .css("color", "")
          .text(
            word("count", { shown: shown.length, total: page.total, replaying: page.replaying }) +
              (page.more ? " " + word("more") : ""),
          );
        parts.previous.prop("disabled", first === 0);
        parts.next.prop("disabled", first + PAGE >= page.total);
        buttons();
      })
      .fail(failed);
  }

  function closeLetter() {
    open = null;
    saved = "";
    if (editor) editor.setValue("");
    parts.letter.hide();
  }
  /** The message as it is in the editor, when it was changed. */
  function unsaved() {
    return open !== null && editor.getValue() !== saved;
  }
  function bytesIn(message) {
    var payload = message.payload;
    if (!payload || typeof payload.$base64 !== "string") {
      return "";
    }
    try {
      return new TextDecoder("utf-8").decode(
        Uint8Array.from(atob(payload.$base64), function (one) {
          return one.charCodeAt(0);
        }),
      );
    } catch {
      return "";
    }
  }
  function show(id) {
    if (unsaved()) {
      say(word("unsaved"), "warning");
      return;
    }
    ask("GET", "/" + encodeURIComponent(id)).done(function (letter) {
      open = id;
      var where = letter.node ? (letter.node.name || letter.node.type) + " (" + letter.node.id + ")" : "";
      var bytes = bytesIn(letter.message);
      parts.error.text(letter.error.name + ": " + letter.error.message);
      parts.about.text(
        [new Date(letter.time).toLocaleString(), where, word("attempts") + " " + letter.attempts].join(" · "),
      );
      parts.bytes
        .toggle(bytes !== "")
        .find("pre")
        .text(bytes.slice(0, 10000));
      parts.stack
        .toggle(!!letter.error.stack)
        .find("pre")
        .text(letter.error.stack || "");
      parts.letter.show();
      saved = JSON.stringify(letter.message, null, 2);
      editor.setValue(saved);
      list();
    });
  }
  function save() {
    var message;
    try {
      message = JSON.parse(editor.getValue());
    } catch (error) {
      say(node._(set + ".form.notJson") + ": " + error.message, "error");
      return;
    }
    var value = editor.getValue();
    ask("PUT", "/" + encodeURIComponent(open), { message: message })
      .done(function () {
        saved = value;
        say(word("saved"));
        list();
      })
      .fail(function (request) {
        say(request.responseJSON ? request.responseJSON.error : request.statusText, "error");
      });
  }

  function after(key) {
    return function (answer) {
      selected = {};
      say(word(key, { count: answer.count }));
      list();
    };
  }
  function replay(which) {
    if (unsaved()) {
      say(word("unsaved"), "warning");
      return;
    }
    ask("POST", "/replay", which).done(after("replayed")).done(closeLetter);
  }
  function discard(which, count) {
    var question = RED.notify(
      $("<span>")
        .text(word("sure", { count: count }))
        .html(),
      {
        type: "warning",
        modal: true,
        fixed: true,
        buttons: [
          {
            text: word("no"),
            click: function () {
              question.close();
            },
          },
          {
            text: word("yes"),
            class: "primary",
            click: function () {
              question.close();
              ask("POST", "/discard", which).done(after("discarded")).done(closeLetter);
            },
          },
        ],
      },
    );
  }
  function chosen() {
    return { ids: Object.keys(selected) };
  }
  /** All that were found: by their number the user knows what "all" is. */
  function ofAll(act) {
    $.getJSON(url, $.extend({ first: 0, limit: 1 }, filter()))
      .done(function (page) {
        act($.extend({ all: true }, filter()), page.total);
      })
      .fail(failed);
  }

  function buildLetter(body) {
    var letter = $("<div>")
      .attr("data-part", "letter")
      .css({ "border-top": "1px solid var(--red-ui-secondary-border-color)", "padding-top": "8px" });
    parts.letter = letter.appendTo(body);
    parts.error = $("<h4>").css({ "white-space": "pre-wrap", "overflow-wrap": "anywhere" }).appendTo(letter);
    parts.about = $("<p>").appendTo(letter);
    parts.bytes = $("<div>")
      .attr("data-part", "bytes")
      .append($("<label>").text(word("bytesAsText")))
      .append($("<pre>"))
      .appendTo(letter);
    $("<label>").text(word("message")).appendTo(letter);
    $('<div class="node-text-editor" id="citystream-letter-message">').css({ height: "260px" }).appendTo(letter);
    // One for all letters: an editor that goes while its worker is busy complains.
    editor = RED.editor.createEditor({ id: "citystream-letter-message", mode: "ace/mode/json", value: "" });
    button("save", "fa-floppy-o").on("click", save).css("margin", "6px 6px 6px 0").appendTo(letter);
    button("replay", "fa-repeat", "replay-one")
      .on("click", function () {
        replay({ ids: [open] });
      })
      .appendTo(letter);
    parts.stack = $("<details>")
      .append($("<summary>").text(word("stack")))
      .append($("<pre>"))
      .appendTo(letter);
    letter.hide();
  }

  function build(body) {
    body
      .css({ display: "flex", "flex-direction": "column", padding: "10px", "overflow-y": "auto" })
      .addClass("citystream-letters");
    parts.title = $("<h3>").css("margin-top", 0).appendTo(body);
    var tools = $("<div>")
      .css({ display: "flex", gap: "6px", "flex-wrap": "wrap", "align-items": "center" })
      .appendTo(body);
    var wait = null;
    parts.search = $('<input type="text">')
      .attr({ placeholder: word("search"), "aria-label": word("search") })
      .css({ flex: "1 1 260px", width: "auto", margin: 0 })
      .on("input", function () {
        clearTimeout(wait);
        wait = setTimeout(function () {
          first = 0;
          list();
        }, 250);
      })
      .appendTo(tools);
    parts.replay = button("replay", "fa-repeat")
      .on("click", function () {
        replay(chosen());
      })
      .appendTo(tools);
    parts.discard = button("discard", "fa-trash-o")
      .on("click", function () {
        discard(chosen(), Object.keys(selected).length);
      })
      .appendTo(tools);
    parts.replayAll = button("replayAll", "fa-repeat")
      .on("click", function () {
        ofAll(replay);
      })
      .appendTo(tools);
    parts.discardAll = button("discardAll", "fa-trash-o")
      .on("click", function () {
        ofAll(discard);
      })
      .appendTo(tools);
    parts.count = $('<div role="status">').css({ margin: "8px 0" }).appendTo(body);
    var table = $("<table>")
      .css({ width: "100%", "border-collapse": "collapse", "font-size": "0.9em" })
      .appendTo($("<div>").css({ "overflow-x": "auto", flex: "0 0 auto" }).appendTo(body));
    var head = $("<tr>").appendTo($("<thead>").appendTo(table));
    var all = $('<input type="checkbox">')
      .attr("aria-label", word("all"))
      .css({ width: "auto", margin: 0 })
      .on("change", function () {
        var on = this.checked;
        selected = {};
        shown.forEach(function (letter) {
          if (on && !letter.replaying) {
            selected[letter.id] = true;
          }
        });
        parts.rows.find("input:enabled").prop("checked", on);
        buttons();
      });
    $("<th>").append(all).appendTo(head);
    ["time", "source", "node", "cause", "attempts", "payload"].forEach(function (key) {
      $("<th>").css({ "text-align": "left" }).text(word(key)).appendTo(head);
    });
    parts.rows = $("<tbody>").appendTo(table);
    parts.empty = $("<p>").text(word("empty")).hide().appendTo(body);
    var pages = $("<div>")
      .css({ margin: "8px 0", display: "flex", gap: "6px", "align-items": "center" })
      .appendTo(body);
    parts.previous = button("previous", "fa-chevron-left")
      .on("click", function () {
        first = Math.max(0, first - PAGE);
        list();
      })
      .appendTo(pages);
    parts.next = button("next", "fa-chevron-right")
      .on("click", function () {
        first += PAGE;
        list();
      })
      .appendTo(pages);
    parts.selected = $("<span>").appendTo(pages);
    buildLetter(body);
    buttons();
    list();
    timer = setInterval(list, 3000);
  }

  RED.tray.show({
    title: RED.utils.sanitize(node.name || node._(set + ".label")),
    width: 1000,
    buttons: [
      {
        id: "citystream-letters-close",
        text: word("close"),
        class: "primary",
        click: function () {
          RED.tray.close();
        },
      },
    ],
    open: function (tray) {
      build(tray.find(".red-ui-tray-body"));
    },
    close: function () {
      clearInterval(timer);
      editor.destroy();
    },
    show: function () {},
  });
}
