/* oxlint-disable no-unused-vars -- the page that this is built into calls it */
/** What the parts of the view of dead letters share: words, buttons, questions, and requests to the deployed node. */
function citystreamLetterDesk(node, set) {
  var url = "citystream/dead-letters/" + encodeURIComponent(node.id);

  function word(key, values) {
    return node._(set + ".word." + key, values || {});
  }
  /** A reason that the server gave, in the editor's language where it is known. */
  function reason(text) {
    var words = RED.plugins.getPlugin("citystream-words");
    return words ? words.reason(text) : text;
  }
  function whyNot(request) {
    var answer = request.responseJSON && request.responseJSON.error;
    if (request.status === 0) {
      return word("noAnswer");
    }
    if (request.status === 401 || request.status === 403) {
      return word("refused");
    }
    if (answer === "notDeployed") {
      return word("notDeployed");
    }
    return answer ? reason(answer) : request.status + " " + request.statusText;
  }
  function say(text, type) {
    RED.notify($("<span>").text(text).html(), type || "success");
  }

  return {
    word: word,
    form: function (key) {
      return node._(set + ".form." + key);
    },
    reason: reason,
    say: say,
    whyNot: whyNot,
    button: function (key, icon, name) {
      return $('<button type="button" class="red-ui-button red-ui-button-small">')
        .attr("data-action", name || key)
        .append($("<i>").addClass("fa " + icon))
        .append(" ")
        .append($("<span>").text(word(key)));
    },
    /** Where a letter failed, as people call it. */
    nodeOf: function (letter) {
      return letter.node ? letter.node.name || letter.node.type.replace(/^citystream-/, "") : "";
    },
    get: function (path, query) {
      return $.getJSON(url + path, query || {});
    },
    /** A request that a user made by hand: what comes of it is said. */
    ask: function (method, path, body) {
      return $.ajax({
        url: url + path,
        type: method,
        contentType: "application/json",
        data: JSON.stringify(body),
      }).fail(function (request) {
        say(whyNot(request), "error");
      });
    },
    /** Asks before something that can't be undone. */
    confirm: function (question, yes, no, act) {
      var asked = RED.notify($("<span>").text(question).html(), {
        type: "warning",
        modal: true,
        fixed: true,
        buttons: [
          {
            text: no,
            click: function () {
              asked.close();
            },
          },
          {
            text: yes,
            class: "primary",
            click: function () {
              asked.close();
              act();
            },
          },
        ],
      });
    },
  };
}
