/* oxlint-disable no-unused-vars -- the page that this is built into calls it */
/**
 * The table of letters: a page of them, which the user selects from. Rows stay as they are while nothing has changed, so
 * that the keyboard's focus stays too.
 *
 * @param events `open(id)` a row was chosen; `selected()` others are selected
 */
function citystreamLetterTable(desk, parent, events) {
  var COLUMNS = ["time", "source", "node", "cause", "attempts", "payload"];
  var WIDTHS = { time: "150px", source: "18%", node: "13%", cause: "30%", attempts: "55px", payload: "27%" };
  var selected = {};
  var shown = [];
  var drawn = "";
  var open = null;

  var box = $("<div>")
    .attr("data-part", "table")
    .css({ flex: "1 1 0", "min-height": "120px", overflow: "auto" })
    .css("border", "1px solid var(--red-ui-secondary-border-color)")
    .appendTo(parent);
  var table = $("<table>")
    .css({ width: "100%", "min-width": "760px", "table-layout": "fixed", "border-collapse": "collapse" })
    .css("font-size", "0.9em")
    .appendTo(box);
  var head = $("<tr>").appendTo($("<thead>").appendTo(table));
  var rows = $("<tbody>").appendTo(table);
  var none = $("<p>").attr("data-part", "none").css({ padding: "10px", margin: 0 }).hide().appendTo(box);
  var all = $('<input type="checkbox">')
    .attr("aria-label", desk.word("all"))
    .css({ width: "auto", margin: 0 })
    .on("change", function () {
      var on = this.checked;
      selected = {};
      shown.forEach(function (letter) {
        if (on && !letter.replaying) {
          selected[letter.id] = true;
        }
      });
      rows.find("input:enabled").prop("checked", on);
      events.selected();
    });
  function heading(content, width) {
    $('<th scope="col">')
      .css({ position: "sticky", top: 0, "z-index": 1, "text-align": "left", padding: "4px 6px", width: width })
      .css({ background: "var(--red-ui-secondary-background)", "white-space": "nowrap" })
      .append(content)
      .appendTo(head);
  }
  heading(all, "20px");
  COLUMNS.forEach(function (key) {
    heading($("<span>").text(desk.word(key)), WIDTHS[key]);
  });

  function mark() {
    rows.children().each(function () {
      var isOpen = $(this).attr("data-letter") === open;
      $(this)
        .attr("aria-selected", isOpen)
        .css("background", isOpen ? "var(--red-ui-list-item-background-selected)" : "");
    });
  }

  function row(letter) {
    var from = [letter.topic, letter.partition, letter.offset]
      .filter(function (part) {
        return part !== undefined;
      })
      .join(" / ");
    var tick = $('<input type="checkbox">')
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
        events.selected();
      });
    var cells = {
      time: new Date(letter.time).toLocaleString(),
      source: from,
      node: desk.nodeOf(letter),
      cause: letter.replaying ? desk.word("beingReplayed") : desk.reason(letter.cause),
      attempts: String(letter.attempts),
      payload: letter.payload.slice(0, 200),
    };
    var line = $('<tr tabindex="0">')
      .attr("data-letter", letter.id)
      .css({ cursor: "pointer", opacity: letter.replaying ? 0.5 : 1 })
      .css("border-top", "1px solid var(--red-ui-secondary-border-color)")
      .append($("<td>").css({ padding: "4px 6px", "vertical-align": "top" }).append(tick));
    COLUMNS.forEach(function (key) {
      // Two lines of what is long: the letter itself shows it whole.
      $("<div>")
        .css({
          display: "-webkit-box",
          "-webkit-box-orient": "vertical",
          "-webkit-line-clamp": "2",
          overflow: "hidden",
        })
        .css("overflow-wrap", "anywhere")
        .css("font-family", key === "payload" ? "var(--red-ui-monospace-font)" : "")
        .attr("title", cells[key])
        .text(cells[key])
        .appendTo($("<td>").css({ padding: "4px 6px", "vertical-align": "top" }).appendTo(line));
    });
    return line
      .on("click", function () {
        events.open(letter.id);
      })
      .on("keydown", function (event) {
        if (event.target !== this) {
          return;
        }
        if (event.key === "Enter") {
          events.open(letter.id);
        } else if (event.key === " ") {
          tick.trigger("click");
        } else if (event.key === "ArrowDown") {
          $(this).next().trigger("focus");
        } else if (event.key === "ArrowUp") {
          $(this).prev().trigger("focus");
        } else {
          return;
        }
        event.preventDefault();
      });
  }

  function draw() {
    var now = JSON.stringify(shown);
    if (now === drawn) {
      return;
    }
    drawn = now;
    var focus = $(document.activeElement).closest("tr").attr("data-letter");
    rows.empty().append(shown.map(row));
    rows
      .children()
      .filter(function () {
        return focus !== undefined && $(this).attr("data-letter") === focus;
      })
      .trigger("focus");
    mark();
  }

  return {
    /** @param isSearch nothing may be found though there are letters */
    show: function (page, isSearch) {
      shown = page.letters;
      var there = {};
      shown.forEach(function (letter) {
        there[letter.id] = !letter.replaying;
      });
      Object.keys(selected).forEach(function (id) {
        if (!there[id]) {
          delete selected[id];
        }
      });
      draw();
      none.toggle(shown.length === 0).text(desk.word(isSearch && page.size > 0 ? "notFound" : "empty"));
      table.toggle(shown.length > 0);
      all.prop("checked", shown.length > 0 && Object.keys(selected).length === shown.length);
      events.selected();
    },
    toTop: function () {
      box.scrollTop(0);
    },
    selected: function () {
      return Object.keys(selected);
    },
    unselect: function () {
      selected = {};
      drawn = "";
      draw();
      all.prop("checked", false);
      events.selected();
    },
    /** Marks the letter that is open; null: none. */
    mark: function (id) {
      open = id;
      mark();
    },
    isEmpty: function () {
      return shown.length === 0;
    },
  };
}
