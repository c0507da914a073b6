--- Edits in preview: removed lines are highlighted, new lines are virtual lines below them.
---
--- `:SparkAccept` applies the edit, `:SparkAcceptHunk` the change at the cursor, `:SparkReject` none of it. The server
--- moves the changes when text is typed elsewhere, and drops one when text is typed in it.
local M = {}

local api = vim.api
local namespace = api.nvim_create_namespace('spark_lsp.preview')

---@class spark_lsp.Hunk
---@field index integer
---@field lines { start: integer, end: integer } the lines that `newLines` replace
---@field newLines string[]

---@class spark_lsp.Preview
---@field last table the last `spark/editPreview`
---@field hunks spark_lsp.Hunk[]
---@field client_id integer

local previews = {} ---@type table<string, spark_lsp.Preview> by the id of the edit

---@param uri string
---@return integer? bufnr of a loaded buffer
local function buffer(uri)
  local bufnr = vim.uri_to_bufnr(uri)
  return api.nvim_buf_is_loaded(bufnr) and bufnr or nil
end

--- The lines that really differ: the same lines at both ends are left out.
---@param bufnr integer
---@param hunk spark_lsp.Hunk
---@return integer first, integer last, string[] added
local function difference(bufnr, hunk)
  local first, last = hunk.lines.start, hunk.lines['end']
  local old = api.nvim_buf_get_lines(bufnr, first, last, false)
  local added = vim.deepcopy(hunk.newLines)
  while #old > 0 and #added > 0 and old[1] == added[1] do
    table.remove(old, 1)
    table.remove(added, 1)
    first = first + 1
  end
  while #old > 0 and #added > 0 and old[#old] == added[#added] do
    table.remove(old)
    table.remove(added)
    last = last - 1
  end
  return first, last, added
end

---@param bufnr integer
---@param hunk spark_lsp.Hunk
local function draw_hunk(bufnr, hunk)
  local first, last, added = difference(bufnr, hunk)
  for line = first, math.min(last, api.nvim_buf_line_count(bufnr)) - 1 do
    local length = #api.nvim_buf_get_lines(bufnr, line, line + 1, false)[1]
    api.nvim_buf_set_extmark(bufnr, namespace, line, 0, {
      end_col = length,
      hl_group = 'SparkRemoved',
      line_hl_group = 'SparkRemoved',
    })
  end
  if #added > 0 then
    local width = vim.bo[bufnr].tabstop
    local lines = vim.tbl_map(function(text)
      return { { (text:gsub('\t', (' '):rep(width))) .. ' ', 'SparkAdded' } }
    end, added)
    local above = last == 0
    local row = math.min(math.max(last - 1, 0), api.nvim_buf_line_count(bufnr) - 1)
    api.nvim_buf_set_extmark(bufnr, namespace, row, 0, { virt_lines = lines, virt_lines_above = above })
  end
end

--- The text beside the first hunk: the state, and the commands that go on.
local function headline(preview)
  local last = preview.last
  local count = #preview.hunks == 1 and '1 change' or ('%d changes'):format(#preview.hunks)
  if last.state == 'refused' then
    return 'not applied: ' .. last.reason .. ' (:SparkReject closes it)', 'WarningMsg'
  end
  local speed = ('%d tokens, %.1f s'):format(last.tokens, last.seconds)
  if last.state == 'growing' then
    return ('%s so far, %s'):format(count, speed), 'SparkGhost'
  end
  return ('%s, %s (:SparkAccept, :SparkAcceptHunk, :SparkReject)'):format(count, speed), 'SparkGhost'
end

local function draw(bufnr, preview)
  api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  if not preview or #preview.hunks == 0 then
    return
  end
  for _, hunk in ipairs(preview.hunks) do
    draw_hunk(bufnr, hunk)
  end
  local text, group = headline(preview)
  local row = math.min(preview.hunks[1].lines.start, api.nvim_buf_line_count(bufnr) - 1)
  api.nvim_buf_set_extmark(bufnr, namespace, row, 0, { virt_text = { { ' ' .. text, group } }, virt_text_pos = 'eol' })
end

--- `spark/editPreview`.
---@param last table
---@param client_id integer
function M.show(last, client_id)
  local known = previews[last.id]
  local hunks = vim.list_slice(known and known.hunks or {}, 1, last.first)
  vim.list_extend(hunks, last.hunks)
  local preview = { last = last, hunks = hunks, client_id = client_id }
  previews[last.id] = last.state ~= 'ended' and preview or nil
  local bufnr = buffer(last.uri)
  local version = bufnr and vim.lsp.util.buf_versions[bufnr]
  if not bufnr or (last.state ~= 'ended' and version and version ~= last.version) then
    return -- the marks move with the text; the server sends the changes of the new text at once
  end
  draw(bufnr, previews[last.id])
end

--- The server is no longer there for a buffer.
---@param bufnr integer
---@param client_id integer
function M.detach(bufnr, client_id)
  local uri = vim.uri_from_bufnr(bufnr)
  for id, preview in pairs(previews) do
    if preview.client_id == client_id and preview.last.uri == uri then
      previews[id] = nil
      api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
    end
  end
end

--- The edit in preview in the current buffer.
---@return spark_lsp.Preview?
function M.here()
  local uri = vim.uri_from_bufnr(0)
  for _, preview in pairs(previews) do
    if preview.last.uri == uri then
      return preview
    end
  end
end

---@param preview spark_lsp.Preview
---@return integer? index of the hunk at the cursor, or of the nearest one
local function at_cursor(preview)
  local row = api.nvim_win_get_cursor(0)[1] - 1
  local best, index
  for _, hunk in ipairs(preview.hunks) do
    local first, last = hunk.lines.start, math.max(hunk.lines['end'] - 1, hunk.lines.start)
    local distance = row < first and first - row or math.max(row - last, 0)
    if not best or distance < best then
      best, index = distance, hunk.index
    end
  end
  return index
end

local function execute(preview, command, argument)
  local client = vim.lsp.get_client_by_id(preview.client_id)
  if client then
    client:request('workspace/executeCommand', { command = command, arguments = { argument } }, function(err)
      if err then
        vim.notify('spark-lsp: ' .. err.message, vim.log.levels.WARN)
      end
    end, 0)
  end
end

--- Neovim reports changes up to 150 ms later, so the server must know which text the user has seen.
---@param preview spark_lsp.Preview
---@param hunks? integer[]
local function apply(preview, hunks)
  local version = vim.lsp.util.buf_versions[api.nvim_get_current_buf()]
  execute(preview, 'spark.applyEdit', { id = preview.last.id, hunks = hunks, version = version })
end

local function ready()
  local preview = M.here()
  if not preview or preview.last.state ~= 'ready' then
    local text = preview and 'this edit cannot be accepted (yet)' or 'no edit is in preview in this buffer'
    vim.notify('spark-lsp: ' .. text, vim.log.levels.WARN)
    return
  end
  return preview
end

--- Apply all changes of the edit in preview.
function M.accept()
  local preview = ready()
  if preview then
    apply(preview)
  end
end

--- Apply the change at the cursor, or the nearest one; the others stay in preview.
function M.accept_hunk()
  local preview = ready()
  local index = preview and at_cursor(preview)
  if preview and index then
    apply(preview, { index })
  end
end

--- Apply no change that is still in preview; stop an edit that is still growing.
function M.reject()
  local preview = M.here()
  if preview then
    local command = preview.last.state == 'growing' and 'spark.cancel' or 'spark.discardEdit'
    execute(preview, command, { id = preview.last.id })
  end
end

function M.define()
  api.nvim_set_hl(0, 'SparkAdded', { link = 'DiffAdd', default = true })
  api.nvim_set_hl(0, 'SparkRemoved', { link = 'DiffDelete', default = true })
  for name, call in pairs({ SparkAccept = M.accept, SparkAcceptHunk = M.accept_hunk, SparkReject = M.reject }) do
    api.nvim_create_user_command(name, call, { desc = 'spark-lsp: the edit in preview' })
  end
end

return M
