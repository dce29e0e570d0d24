/* oxlint-disable no-unused-vars, no-undef -- the page that this is built into calls it and has the other parts */
/** The view of dead letters: a tray over whatever is open. Built into the node's page by tools/editor. */
function citystreamView(node, set) {
  var PAGE = 100;
  /** How often the list is asked for, in ms. */
  var PAUSE = 3000;
  var desk = citystreamLetterDesk(node, set);
  var first = 0;
  var asked = 0;
  var timer = null;
  var parts = {};
  var table;
  var panel;

  function filter() {
    var text = parts.search.val().trim();
    return text ? { search: text } : {};
  }
  function update() {
    var count = table.selected().length;
    parts.selected.text(count ? desk.word("selected", { count: count }) : "");
    parts.replay.add(parts.discard).prop("disabled", count === 0);
    parts.replayAll.add(parts.discardAll).prop("disabled", table.isEmpty());
  }
  function counted(page) {
    var last = first + page.letters.length;
    var text = desk.word("count", { first: page.total ? first + 1 : 0, last: last, total: page.total });
    if (page.replaying) {
      text += " " + desk.word("replaying", { count: page.replaying });
    }
    return page.more ? text + " " + desk.word("more") : text;
  }
  function list() {
    var mine = ++asked;
    var sought = filter();
    return desk
      .get("", $.extend({ first: first, limit: PAGE }, sought))
      .done(function (page) {
        if (mine !== asked) {
          return;
        }
        if (page.total > 0 && page.letters.length === 0) {
          // What was here is done meanwhile.
          first = Math.floor((page.total - 1) / PAGE) * PAGE;
          list();
          return;
        }
        parts.title.text(desk.word("title", { place: page.place }));
        parts.count.css("color", "").text(counted(page));
        parts.previous.prop("disabled", first === 0);
        parts.next.prop("disabled", first + PAGE >= page.total);
        table.show(page, sought.search !== undefined);
      })
      .fail(function (request) {
        if (mine === asked) {
          parts.count.css("color", "var(--red-ui-text-color-error)").text(desk.whyNot(request));
        }
      });
  }
  function turn(by) {
    first = Math.max(0, first + by);
    table.toTop();
    list();
  }
  function after(key) {
    return function (answer) {
      desk.say(desk.word(key, { count: answer.count }));
      table.unselect();
      list();
    };
  }
  function replay(which) {
    panel.ifSaved(function () {
      desk.ask("POST", "/replay", which).done(after("replayed")).done(panel.close);
    });
  }
  /** Counts first: what comes while the question is open is not meant. */
  function discard(which) {
    desk.ask("POST", "/select", which).done(function (chosen) {
      if (chosen.count === 0) {
        list();
        return;
      }
      desk.confirm(desk.word("sure", { count: chosen.count }), desk.word("yes"), desk.word("no"), function () {
        desk.ask("POST", "/discard", { selection: chosen.selection }).done(after("discarded")).done(panel.close);
      });
    });
  }
  function found() {
    return $.extend({ all: true }, filter());
  }
  function selection() {
    return { ids: table.selected() };
  }
  function button(key, icon, act) {
    return desk.button(key, icon).on("click", act);
  }

  function build(body) {
    body
      .css({ display: "flex", "flex-direction": "column", padding: "10px", "overflow-y": "auto" })
      .addClass("citystream-letters");
    parts.title = $("<h3>")
      .css({ margin: "0 0 6px", "overflow-wrap": "anywhere", "font-size": "1.1em" })
      .appendTo(body);
    var tools = $("<div>")
      .css({ display: "flex", gap: "6px", "flex-wrap": "wrap", "align-items": "center" })
      .appendTo(body);
    var wait = null;
    parts.search = $('<input type="text">')
      .attr({ placeholder: desk.word("search"), "aria-label": desk.word("search") })
      .css({ flex: "1 1 260px", width: "auto", margin: 0 })
      .on("input", function () {
        clearTimeout(wait);
        wait = setTimeout(function () {
          first = 0;
          list();
        }, 250);
      })
      .appendTo(tools);
    parts.replay = button("replay", "fa-repeat", function () {
      replay(selection());
    }).appendTo(tools);
    parts.discard = button("discard", "fa-trash-o", function () {
      discard(selection());
    }).appendTo(tools);
    parts.replayAll = button("replayAll", "fa-repeat", function () {
      replay(found());
    }).appendTo(tools);
    parts.discardAll = button("discardAll", "fa-trash-o", function () {
      discard(found());
    }).appendTo(tools);
    var line = $("<div>")
      .css({ margin: "6px 0", display: "flex", gap: "6px", "flex-wrap": "wrap", "align-items": "center" })
      .appendTo(body);
    parts.previous = button("previous", "fa-chevron-left", function () {
      turn(-PAGE);
    }).appendTo(line);
    parts.next = button("next", "fa-chevron-right", function () {
      turn(PAGE);
    }).appendTo(line);
    parts.count = $('<div role="status">').text(desk.word("reading")).appendTo(line);
    parts.selected = $("<strong>").appendTo(line);
    table = citystreamLetterTable(desk, body, {
      open: function (id) {
        panel.show(id, function () {
          table.mark(id);
        });
      },
      selected: update,
    });
    panel = citystreamLetterPanel(desk, body, {
      closed: function () {
        table.mark(null);
      },
      changed: list,
      replay: function (id) {
        replay({ ids: [id] });
      },
      discard: function (id) {
        discard({ ids: [id] });
      },
    });
    update();
    list();
    timer = setInterval(list, PAUSE);
  }

  RED.tray.show({
    title: RED.utils.sanitize(node.name || node._(set + ".label")),
    width: 1000,
    buttons: [
      {
        id: "citystream-letters-close",
        text: desk.word("close"),
        class: "primary",
        click: function () {
          if (!panel.isChanged()) {
            RED.tray.close();
            return;
          }
          desk.confirm(desk.word("drop"), desk.word("dropIt"), desk.word("goOn"), function () {
            RED.tray.close();
          });
        },
      },
    ],
    open: function (tray) {
      build(tray.find(".red-ui-tray-body"));
    },
    close: function () {
      clearInterval(timer);
      panel.destroy();
    },
    show: function () {},
  });
}
