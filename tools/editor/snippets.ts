/** Functions that a generated page carries when its form needs them: ordinary editor code, as one would write by hand. */

/** Shows rows only while the field they depend on has one of their values, and sections only while they have rows. */
const showIf = `    function citystreamShowIf(prefix) {
        $(".citystream-form [data-if]").each(function() {
            var row = $(this);
            var input = $("#" + prefix + "-" + row.attr("data-if"));
            var values = row.attr("data-is").split(" ");
            function update() {
                var value = input.is(":checkbox") ? String(input.prop("checked")) : input.val();
                var above = input.closest("[data-if]");
                row.toggle(values.indexOf(value) >= 0 && above.css("display") !== "none");
                row.trigger("citystream-shown");
                var section = row.closest("details");
                section.toggle(section.children("div").filter(function() { return this.style.display !== "none"; }).length > 0);
            }
            input.on("change", update);
            input.closest("[data-if]").on("citystream-shown", update);
            update();
        });
    }
`;

/** The "Test connection" button: sends the form as it stands; stored secrets stay on the server. */
const test = `    function citystreamTest(node, set, fields, secrets) {
        var prefix = "#node-config-input-";
        var button = $(prefix + "citystream-test");
        var found = $(prefix + "citystream-found");
        function valuesOf(names) {
            var values = {};
            names.forEach(function(name) {
                var input = $(prefix + name);
                values[name] = input.is(":checkbox") ? input.prop("checked") : input.val();
                if (values[name] === "_ADD_") { values[name] = ""; }
            });
            return values;
        }
        button.on("click", function() {
            button.prop("disabled", true);
            found.css("color", "").text(node._(set + ".form.testing"));
            $.ajax({
                url: "citystream/test/" + node.type,
                type: "POST",
                contentType: "application/json",
                data: JSON.stringify({ id: node.id, settings: valuesOf(fields), credentials: valuesOf(secrets) })
            }).done(function(answer) {
                if (answer.found) {
                    found.css("color", "var(--red-ui-text-color-success, green)");
                    found.text("✔ " + node._(set + ".word." + answer.found.word, answer.found.values || {}));
                } else {
                    var words = RED.plugins.getPlugin("citystream-words");
                    found.css("color", "var(--red-ui-text-color-error, red)").text("✘ " + (words ? words.reason(answer.error) : answer.error));
                }
            }).fail(function(request) {
                found.css("color", "var(--red-ui-text-color-error, red)").text("✘ " + request.status + " " + request.statusText);
            }).always(function() {
                button.prop("disabled", false);
            });
        });
    }
`;

/** A table in an editableList: one input a column. */
const rows = `    function citystreamRows(node, set, id, field, columns) {
        var flex = { flag: "0 0 60px", number: "1 1 70px", choice: "1 1 90px", text: "2 1 90px" };
        var header = $("<div>").css({ display: "flex", gap: "4px", "align-items": "flex-end", "padding-left": "28px", "padding-right": "40px" });
        columns.forEach(function(column) {
            $("<div>").css({ flex: flex[column.kind], "overflow-wrap": "anywhere", "line-height": "1.2" })
                .text(node._(set + ".column." + field + "." + column.name)).appendTo(header);
        });
        // A list that has a height when it becomes an editableList keeps it, and its rows overflow.
        var list = $(id).css({ "min-width": "450px" }).editableList({
            header: header,
            height: "auto",
            sortable: true,
            removable: true,
            addItem: function(container, index, row) {
                container.css({ display: "flex", gap: "4px", "align-items": "center" });
                columns.forEach(function(column) {
                    var value = row[column.name] === undefined ? column.default : row[column.name];
                    var input;
                    if (column.kind === "choice") {
                        input = $("<select>");
                        column.options.forEach(function(option) {
                            $("<option>").val(option).text(node._(set + ".option." + field + "-" + column.name + "." + option)).appendTo(input);
                        });
                        input.val(value);
                    } else if (column.kind === "flag") {
                        input = $('<input type="checkbox">').prop("checked", value === true || value === "true");
                    } else {
                        input = $('<input type="text">').val(value);
                    }
                    input.attr({ "data-column": column.name, "aria-label": node._(set + ".column." + field + "." + column.name) })
                        .css({ flex: flex[column.kind], width: "0", "min-width": "0" }).appendTo(container);
                });
            }
        });
        list.parent().css("min-height", "60px");
        (node[field] || []).forEach(function(row) { list.editableList("addItem", row); });
    }
    function citystreamRowValues(id, columns) {
        return $(id).editableList("items").get().map(function(item) {
            var row = {};
            columns.forEach(function(column) {
                var input = $(item).find('[data-column="' + column.name + '"]');
                row[column.name] = column.kind === "flag" ? input.prop("checked") : input.val();
            });
            return row;
        });
    }
`;

/** The functions that a script calls, in the order they are defined here. */
export function snippetsFor(script: string): string {
  return [
    script.includes("citystreamShowIf(") ? showIf : "",
    script.includes("citystreamTest(") ? test : "",
    script.includes("citystreamRows(") ? rows : "",
  ].join("");
}
